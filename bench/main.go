//go:build linux

// Command bench measures this proxy against nginx, HAProxy and Caddy on the same work, on one core each, in interleaved
// rounds. `make bench` runs it; docs/performance.md says what is measured and how to read the results.
//
// It starts itself twice more: as the origin behind the proxies and as the load generator in front of them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"reverse-proxy/bench/internal/load"
	"reverse-proxy/bench/internal/origin"
)

func main() {
	if err := dispatch(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func dispatch(args []string, stdout io.Writer) error {
	switch {
	case len(args) == 0:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return measure(ctx, stdout)
	case len(args) == 1 && args[0] == "origin":
		return serveOrigin(stdout)
	case len(args) == 2 && args[0] == "load":
		return generateLoad(args[1], stdout)
	}
	return fmt.Errorf("got the arguments %q; it takes none, its settings are in the environment (docs/performance.md)", args)
}

// measure runs the benchmark, prints the table and writes the results.
func measure(ctx context.Context, stdout io.Writer) error {
	s, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	begin := time.Now()
	outcomes, peers, runErr := runAll(ctx, s, stdout)
	if len(outcomes) > 0 {
		if err := publish(s, peers, outcomes, stdout); err != nil {
			return err
		}
	}
	if runErr != nil {
		return runErr
	}
	fmt.Fprintf(stdout, "%s in %s\n", filepath.Join(s.out, "latest.json"), time.Since(begin).Round(time.Second))
	return ourFailure(outcomes)
}

// publish prints the table, and writes it and the JSON to the results directory.
func publish(s settings, peers []peer, outcomes []outcome, stdout io.Writer) error {
	table := ""
	for _, p := range peers {
		state := p.version
		if p.missing != "" {
			state = "skipped: " + p.missing
		}
		table += "- " + p.name + ": " + state + "\n"
	}
	table += "\n" + renderTable(outcomes)
	if s.noise {
		table += renderVerdicts(outcomes)
	}
	if _, err := io.WriteString(stdout, "\n"+table); err != nil {
		return err
	}
	text, err := renderJSON(outcomes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "latest.md"), []byte(table), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "latest.json"), text, 0o644)
}

// serveOrigin prints its address and serves until it is killed.
func serveOrigin(stdout io.Writer) error {
	listener, err := origin.Listen(context.Background())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, listener.Addr()); err != nil {
		return err
	}
	return origin.Serve(context.Background(), listener)
}

// generateLoad runs the job in its argument and prints the result, both as JSON.
func generateLoad(text string, stdout io.Writer) error {
	var job load.Job
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	result, err := load.Run(job)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}
