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
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds the wait for the sample upstream and the proxy to be ready.
const startTimeout = 30 * time.Second

func main() {
	acme := flag.Bool("acme", false, "get the certificate from a Pebble that runs beside the proxy")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, *acme); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, acme bool) error {
	dir, err := os.MkdirTemp("", "reverse-proxy-quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return err
	}
	config, err := writeConfig(dir)
	if err != nil {
		return err
	}
	var next string
	binary := filepath.Join(dir, "reverse-proxy")
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
	} else {
		next = fmt.Sprintf(nextSteps, binary, config, binary, config, config)
	}
	upstream := program(ctx, filepath.Join(dir, "sample-upstream"), "-listen", "127.0.0.1:3000")
	if err := upstream.Start(); err != nil {
		return err
	}
	defer stop(upstream)

	ready, notify, err := listenForReady(dir)
	if err != nil {
		return err
	}
	defer ready.Close()
	proxy := program(ctx, binary, "--config", config)
	proxy.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify)
	if err := proxy.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- proxy.Wait() }()
	if err := waitReady(ready, ended); err != nil {
		return err
	}
	fmt.Print(next)
	// Wait reports the Ctrl-C itself when the proxy has stopped as it should.
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
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
  $EDITOR %s        then reload

Ctrl-C stops everything.

`

// build compiles the two programs into dir.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-o", dir+string(filepath.Separator),
		"./cmd/reverse-proxy", "./cmd/sample-upstream")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
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

// program prepares a program that is asked, not killed, when the context ends.
func program(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	// A process group of its own: Ctrl-C reaches this program alone, which then ends the others in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	_ = cmd.Wait()
}

// listenForReady opens the socket on which the proxy says READY=1 (sd_notify).
func listenForReady(dir string) (*net.UnixConn, string, error) {
	path := filepath.Join(dir, "notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	return conn, path, err
}

// waitReady returns when the proxy is ready; an error when it ended before, or took too long.
func waitReady(conn *net.UnixConn, ended <-chan error) error {
	ready := make(chan struct{})
	go func() {
		var once sync.Once
		buffer := make([]byte, 4096)
		for { // on and on, as later messages must find somebody who reads
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			if strings.Contains("\n"+string(buffer[:n])+"\n", "\nREADY=1\n") {
				once.Do(func() { close(ready) })
			}
		}
	}()
	select {
	case <-ready:
		return nil
	case err := <-ended:
		return errors.Join(errors.New("the proxy did not start"), err)
	case <-time.After(startTimeout):
		return fmt.Errorf("the proxy was not ready within %v", startTimeout)
	}
}
