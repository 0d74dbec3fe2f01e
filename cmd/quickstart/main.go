// Command quickstart runs the proxy in front of a sample upstream on this machine's loopback address, as `make run`
// does: it builds both, starts them with testdata/quickstart.toml, prints commands to try, and stops them on Ctrl-C.
// With -acme, as in `make acme`, it also runs Pebble, Let's Encrypt's test server, from which the proxy gets its
// certificate.
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
	acme := flag.Bool("acme", false, "get the certificate from a Pebble that runs next to the proxy")
	upstream := flag.String("upstream", "", "the `address` (host:port) of an application to put the proxy in front of; without it a sample upstream runs")
	flag.Parse()
	// The terminal sends SIGHUP when it is closed.
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
	if err := run(ctx, again, options{acme: *acme, upstream: *upstream}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// options are the options of the command line.
type options struct {
	acme     bool
	upstream string
}

// run runs everything until ctx ends, which is not an error, or until one of the programs ends. It leaves nothing
// behind. Each value of again hurries a program that is being stopped.
func run(ctx context.Context, again <-chan struct{}, o options, out io.Writer) (err error) {
	defer func() {
		if ctx.Err() != nil {
			err = nil // the error comes from work that ctx interrupted
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
	chosen, err := choosePorts(out, o.upstream == "")
	if err != nil {
		return err
	}
	application := o.upstream
	if application == "" {
		application = loopback(chosen.upstream)
	}
	config, err := writeConfig(dir, chosen, application)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "reverse-proxy")
	next := nextSteps(chosen, o.upstream, binary, config)
	if o.acme {
		pebble, err := startPebble(dir, chosen)
		if err != nil {
			return err
		}
		defer pebble.Stop()
		if err := useACME(config, dir, pebble); err != nil {
			return err
		}
		next = acmeNextSteps(chosen, pebble.DirectoryURL, dir, binary, config)
	}
	sampleEnded := make(<-chan struct{}) // never receives if there is no sample
	sample := &program{}
	if o.upstream == "" {
		if sample, err = startProgram(ctx, out, "listening on", filepath.Join(dir, "sample-upstream"), "-listen", application); err != nil {
			return err
		}
		defer sample.stop(again)
		sampleEnded = sample.ended
	}
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
	case <-sampleEnded:
		return errors.Join(errors.New("the sample upstream has ended"), sample.err)
	}
}

// build compiles the two programs into dir. It does without profile-guided optimization, which would double the time.
func build(ctx context.Context, dir string, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-pgo=off", "-o", dir+string(filepath.Separator),
		"./cmd/reverse-proxy", "./cmd/sample-upstream")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building: %w", err)
	}
	return nil
}

// writeConfig copies the quick start's configuration into dir, changed to have the admin socket there, the chosen ports
// and the upstream.
func writeConfig(dir string, chosen ports, upstream string) (string, error) {
	source := filepath.Join("testdata", "quickstart.toml")
	contents, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "config.toml")
	text, err := replaceLines(string(contents), map[string]string{
		`admin_socket_path = .*`: fmt.Sprintf("admin_socket_path = %q", filepath.Join(dir, "admin.sock")),
		`health_check_port = .*`: fmt.Sprintf("health_check_port = %d", chosen.health),
		`http_port = .*`:         fmt.Sprintf("http_port = %d", chosen.http),
		`https_port = .*`:        fmt.Sprintf("https_port = %d", chosen.https),
		`upstream = .*`:          fmt.Sprintf("upstream = %q", upstream),
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// replaceLines replaces the lines that a pattern matches as a whole. A pattern that matches no lines is an error.
func replaceLines(text string, changes map[string]string) (string, error) {
	for pattern, value := range changes {
		line := regexp.MustCompile("(?m)^" + pattern + "$")
		if !line.MatchString(text) {
			return "", fmt.Errorf("no line %s to change", pattern)
		}
		text = line.ReplaceAllLiteralString(text, value)
	}
	return text, nil
}
