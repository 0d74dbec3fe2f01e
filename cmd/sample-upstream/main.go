// Command sample-upstream is the small HTTP/1.1 server that the quick start and the acceptance suite put behind the
// proxy. It echoes what it received as JSON; under a few paths it streams, sleeps, closes early and misbehaves in other
// ways that upstreams on the internet do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sample-upstream:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It prints `listening on ADDR` on stdout after it begins to accept connections, so that
// port 0 can be used.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("sample-upstream", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:3000", "address and port to listen on; port 0 takes any free one")
	name := flags.String("name", "sample", "the name that it gives itself in its answers")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("-listen %s: %w", *listen, err)
	}
	fmt.Fprintln(stdout, "listening on", listener.Addr())
	server := &http.Server{Handler: newHandler(*name), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = server.Close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
