// Command profiled is the daemon with a CPU profile of itself. `make profile` measures it under the loads of the benchmark,
// and merges its profiles into cmd/reverse-proxy/default.pgo, by which the compiler optimizes the daemon.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"reverse-proxy/proxy"
)

func main() {
	code, err := profile(os.Getenv("PROFILE_DIR"), func() int { return proxy.Main(os.Args[1:], os.Stdout, os.Stderr) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// profile runs the program, and writes its CPU profile into a new file in dir. Without a dir it writes none. It returns the
// program's exit code.
func profile(dir string, program func() int) (code int, err error) {
	if dir == "" {
		return program(), nil
	}
	file, err := os.CreateTemp(dir, "*.pprof")
	if err != nil {
		return 0, fmt.Errorf("PROFILE_DIR: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return 0, err
	}
	defer pprof.StopCPUProfile()
	return program(), nil
}
