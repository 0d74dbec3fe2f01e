//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"reverse-proxy/bench/internal/origin"
	"reverse-proxy/bench/internal/procstat"
)

// startTimeout is how long a proxy may take to answer its first request.
const startTimeout = 15 * time.Second

// instance is a running proxy.
type instance struct {
	process *process
	addr    netip.AddrPort
	pids    []int
	log     string
}

// start starts a proxy on the cores, and returns when it answers and sends the same fields as the others. With upstreamH2 it
// speaks HTTP/2 to the origin.
func (b *bench) start(ctx context.Context, p peer, cores []int, upstreamH2 bool) (*instance, error) {
	dir, err := os.MkdirTemp(b.dir, p.name+"-")
	if err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	where := place{Dir: dir, Log: filepath.Join(dir, "access.log"), Port: port, OriginPort: int(b.origin.Port()),
		Host: siteName, Cert: b.files.cert, Key: b.files.key, Pem: b.files.both, Cores: len(cores),
		Root: os.Geteuid() == 0, LogBuffer: b.settings.nginxLogBuffer, UpstreamH2: upstreamH2}
	if p.name == peerOurs {
		where.OtherSites = b.settings.sites - 1
	}
	config, err := p.writeConfig(where)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	stdout := os.DevNull
	if p.stdoutLog {
		stdout = where.Log
	}
	errorLog := filepath.Join(dir, "stderr")
	process, err := startProcess(p.program, p.run(config), cores, stdout, errorLog, dir)
	if err != nil {
		return nil, err
	}
	i := &instance{process: process, log: where.Log,
		addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))}
	if err = i.await(ctx); err == nil {
		i.pids, err = procstat.Tree(process.cmd.Process.Pid)
	}
	if err != nil {
		process.stop()
		text, _ := os.ReadFile(errorLog)
		return nil, fmt.Errorf("%s: %w; it wrote: %s", p.name, err, clip(string(text)))
	}
	return i, nil
}

// clip returns the end of a long text.
func clip(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 600 {
		text = "…" + text[len(text)-600:]
	}
	return text
}

// freePort returns a port on which nothing listens.
func freePort(ctx context.Context) (int, error) {
	listener, err := origin.Listen(ctx)
	if err != nil {
		return 0, err
	}
	addr, _ := netip.ParseAddrPort(listener.Addr().String())
	return int(addr.Port()), listener.Close()
}

// await polls until the proxy answers, and checks the fields that the origin received from it.
func (i *instance) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, i.addr.String())
		},
		// The benchmark made the certificate itself, and the load generator checks its key.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		head, err := echo(ctx, transport)
		if err == nil {
			return checkFields(head)
		}
		select {
		case <-ticker.C:
		case <-i.process.ended:
			return errors.New("ended at its start")
		case <-ctx.Done():
			return fmt.Errorf("did not answer: %w", err)
		}
	}
}

// echo returns the head that the origin receives.
func echo(ctx context.Context, transport http.RoundTripper) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+siteName+origin.Echo, nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("got the status %d, want 200", response.StatusCode)
	}
	return string(body), err
}

// checkFields checks that a request's head has the fields that every proxy here must set.
func checkFields(head string) error {
	values := map[string]string{}
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			values[strings.ToLower(name)] = strings.TrimSpace(value)
		}
	}
	for name, want := range map[string]string{"host": siteName, "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1",
		"x-forwarded-proto": "https", "x-forwarded-host": siteName} {
		if got := values[name]; got != want {
			return fmt.Errorf("the origin got %s %q, want %q", name, got, want)
		}
	}
	return nil
}

// logTimeout is how long a proxy may take to write the lines of a round: those of tunnels and of streams of events come
// after the end of their connections.
const logTimeout = 5 * time.Second

// takeLog checks that the access log has grown, and empties it.
func (i *instance) takeLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		info, err := os.Stat(i.log)
		if err != nil {
			return fmt.Errorf("access log: %w", err)
		}
		if info.Size() > 0 {
			return os.Truncate(i.log, 0)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("access log: %s is empty after a round", i.log)
		}
	}
}
