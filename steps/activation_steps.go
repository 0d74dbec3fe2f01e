package steps

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"golang.org/x/net/http2"
)

func (w *World) activationSteps() []step {
	return []step{
		{`the ports of the listeners are held outside`, w.holdPorts, "The suite listens on them as a service manager does, and passes the sockets (LISTEN_FDS) to every daemon that it starts from then on."},
		{`a socket on {string} is held outside`, w.holdOne, "An address and port."},
		{`a socket on {string} is held outside with the name {string}`, w.hold, "FileDescriptorName= of a socket unit."},
		{`the proxy will be started by systemd-socket-activate`, w.byActivator, "The real one, with all ports of the configuration; it starts the daemon at the first connection. For scenarios tagged @systemd."},
		{`the proxy is started as the process that the sockets are for`, w.startAsListener, "LISTEN_PID is its own process ID, whatever LISTEN_FDS says; waits for nothing."},
		{`clients that open a connection for each request put load on {string}`, w.startConnecting, "Two over HTTP/1.1, two over HTTP/2 and one on the redirect port. Nothing is retried: a connection that is refused, reset or closed without an answer is a failure."},
		{`the proxy is restarted {int} times under the load`, w.restartUnderLoad, "By SIGTERM, with exit code 0, one after the other, each when every client has been answered again."},
	}
}

func (w *World) holdPorts() error {
	for _, at := range w.endpoints() {
		if at.key == "health_check_port" {
			continue
		}
		if err := w.hold(at.address, ""); err != nil {
			return fmt.Errorf("%s: %w", at.key, err)
		}
	}
	return nil
}

func (w *World) holdOne(address string) error { return w.hold(address, "") }

func (w *World) byActivator() error {
	w.launch.activated = true
	return nil
}

func (w *World) startAsListener() error {
	w.launch.listens = true
	return w.startDaemon()
}

// startConnecting starts a load that makes a connection for every request.
func (w *World) startConnecting(url string) error {
	host, ok := strings.CutPrefix(strings.TrimSuffix(url, "/"), "https://")
	if !ok {
		return fmt.Errorf("%q is not a URL like https://host/", clip(url))
	}
	secure, err := w.dialAddress("https", host, 0)
	if err != nil {
		return err
	}
	plain, err := w.dialAddress("http", host, 0)
	if err != nil {
		return err
	}
	clients := []func(context.Context) error{
		func(ctx context.Context) error { return w.getOnce(ctx, secure, host, "http/1.1") },
		func(ctx context.Context) error { return w.getOnce(ctx, secure, host, "h2") },
		func(ctx context.Context) error { return w.redirectedOnce(ctx, plain, host) },
		func(ctx context.Context) error { return w.getOnce(ctx, secure, host, "http/1.1") },
		func(ctx context.Context) error { return w.getOnce(ctx, secure, host, "h2") },
	}
	l := &load{stop: make(chan struct{}), results: make(chan loadResult, len(clients)), clients: len(clients)}
	for _, once := range clients {
		go func() {
			l.results <- l.client(func() error {
				ctx, cancel := context.WithTimeout(w.ctx, 2*patience)
				defer cancel()
				return once(ctx)
			})
		}()
	}
	w.load = l
	w.cleanup(l.end)
	return nil
}

// getOnce makes one request over a new connection. The answer must be 200 and complete.
func (w *World) getOnce(ctx context.Context, address, host, protocol string) error {
	config := w.clientTLS(host, false)
	config.NextProtos = []string{protocol}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: connecting: %w", protocol, err)
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		return err
	}
	if protocol == "h2" {
		// A connection made by hand retries nothing.
		//lint:ignore SA1019 net/http's Transport does not support connections dialled elsewhere
		h2, err := new(http2.Transport).NewClientConn(conn)
		if err != nil {
			return fmt.Errorf("h2: %w", err)
		}
		response, err := h2.RoundTrip(request)
		return wholeAnswer(protocol, response, err, http.StatusOK)
	}
	response, err := writeAndRead(ctx, conn, request)
	return wholeAnswer(protocol, response, err, http.StatusOK)
}

// redirectedOnce is getOnce for the redirect port.
func (w *World) redirectedOnce(ctx context.Context, address, host string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("the redirect port: connecting: %w", err)
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
	if err != nil {
		return err
	}
	response, err := writeAndRead(ctx, conn, request)
	return wholeAnswer("the redirect port", response, err, http.StatusMovedPermanently)
}

// writeAndRead sends a request over HTTP/1.1 and reads the head of its answer.
func writeAndRead(ctx context.Context, conn net.Conn, request *http.Request) (*http.Response, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(conn), request)
}

// wholeAnswer reads a complete answer.
func wholeAnswer(what string, response *http.Response, err error, want int) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return fmt.Errorf("%s: the body: %w", what, err)
	}
	if response.StatusCode != want {
		return fmt.Errorf("%s: got the status %d, want %d", what, response.StatusCode, want)
	}
	return nil
}

func (w *World) restartUnderLoad(times int) error {
	if w.load == nil {
		return errors.New("there is no load")
	}
	for i := range times {
		// Each client at least once: they take turns by no rule, so wait for five times as many requests as there are
		// clients.
		if err := w.loadMakes(w.load.made.Load() + 5*int64(w.load.clients)); err != nil {
			return fmt.Errorf("before restart %d: %w", i+1, err)
		}
		if err := w.daemon.signal(syscall.SIGTERM); err != nil {
			return err
		}
		if code, err := w.daemon.wait(2 * patience); err != nil || code != 0 {
			return fmt.Errorf("restart %d: got the exit code %d (%v), want 0", i+1, code, err)
		}
		if err := w.restart(); err != nil {
			return err
		}
	}
	return w.loadMakes(w.load.made.Load() + 5*int64(w.load.clients))
}

// loadMakes waits until the load has made that many requests in total, or one of its clients has failed.
func (w *World) loadMakes(want int64) error {
	return w.within(2*patience, func() error {
		if made := w.load.made.Load(); made < want && len(w.load.results) == 0 {
			return fmt.Errorf("the load has made %d requests, want %d", made, want)
		}
		return nil
	})
}
