// Command quickstart runs the proxy in front of a sample upstream on this machine's loopback address, as `make run`
// does: it builds both, starts them with testdata/quickstart.toml, says what to type next, and stops them on Ctrl-C.
// With -acme, as `make acme` does, it also runs Pebble, Let's Encrypt's test server, and the proxy gets its certificate
// from there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

func main() {
	acme := flag.Bool("acme", false, "get the certificate from a Pebble that runs beside the proxy")
	flag.Parse()
	// SIGHUP comes when the terminal is closed.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	again := make(chan struct{})
	go func() {
		<-signals
		cancel()
		for range signals {
			again <- struct{}{}
		}
	}()
	if err := run(ctx, again, *acme, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run runs everything until ctx ends, which is no error, or until one of the programs does. It leaves nothing behind.
// Each value of again hurries a program that is being stopped.
func run(ctx context.Context, again <-chan struct{}, acme bool, out io.Writer) (err error) {
	defer func() {
		if ctx.Err() != nil {
			err = nil // whatever was under way was told to end
		}
	}()
	dir, err := os.MkdirTemp("", "reverse-proxy-quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir, out); err != nil {
		return err
	}
	config, err := writeConfig(dir)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "reverse-proxy")
	next := fmt.Sprintf(nextSteps, binary, config, binary, config, config)
	if acme {
		pebble, err := startPebble(dir)
		if err != nil {
			return err
		}
		defer pebble.Stop()
		if err := useACME(config, dir, pebble); err != nil {
			return err
		}
		next = fmt.Sprintf(acmeNextSteps, pebble.DirectoryURL, filepath.Join(dir, "roots.pem"),
			filepath.Join(dir, "acme"), binary, config, config)
	}
	upstream, err := startProgram(ctx, out, "listening on", filepath.Join(dir, "sample-upstream"), "-listen", "127.0.0.1:3000")
	if err != nil {
		return err
	}
	defer upstream.stop(again)
	proxy, err := startProgram(ctx, out, "STARTUP step=10 ", binary, "--config", config)
	if err != nil {
		return err
	}
	defer proxy.stop(again)
	fmt.Fprint(out, next)
	select {
	case <-ctx.Done():
		return nil
	case <-proxy.ended:
		return errors.Join(errors.New("the proxy has ended"), proxy.err)
	case <-upstream.ended:
		return errors.Join(errors.New("the sample upstream has ended"), upstream.err)
	}
}

// nextSteps is what a reader can try once the proxy serves.
const nextSteps = `
The proxy serves https://localhost:8443/ in front of a sample upstream on 127.0.0.1:3000. Try, in another terminal:

  curl -k https://localhost:8443/                     what the upstream was sent
  curl -k --http1.1 https://localhost:8443/stream     events, each as it comes
  curl -i http://localhost:8080/                      the redirect to https
  curl -i http://127.0.0.1:9900/health                the health port
  %s status --config %s
  %s reload --config %s
  ${EDITOR:-vi} %s        then reload

Ctrl-C stops everything.

`

// build compiles the two programs into dir.
func build(ctx context.Context, dir string, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-o", dir+string(filepath.Separator),
		"./cmd/reverse-proxy", "./cmd/sample-upstream")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building: %w", err)
	}
	return nil
}

// writeConfig copies the quick start's configuration into dir, with the admin socket there too.
func writeConfig(dir string) (string, error) {
	contents, err := os.ReadFile(filepath.Join("testdata", "quickstart.toml"))
	if err != nil {
		return "", err
	}
	socket := regexp.MustCompile(`(?m)^admin_socket_path = .*$`)
	text := socket.ReplaceAllString(string(contents), fmt.Sprintf("admin_socket_path = %q", filepath.Join(dir, "admin.sock")))
	path := filepath.Join(dir, "config.toml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}
