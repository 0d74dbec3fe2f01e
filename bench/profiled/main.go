// Command profiled runs the daemon and writes a CPU profile of it. `make profile` puts it under loads of the benchmark, and
// merges the profiles into cmd/reverse-proxy/default.pgo for the compiler's profile-guided optimization.
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

// profile runs the program and writes its CPU profile to a new file in dir. If dir is empty, it writes none. It returns the
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
