package steps

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// steadyLoad holds clients that make requests one after another, and counts the results.
type steadyLoad struct {
	mu sync.Mutex
	// handshakes counts the requests on new connections, resumed those of them that resumed a session, and kept the
	// requests on one persistent connection.
	handshakes, resumed, kept int
	failed                    error
}

// loadSteps are the steps about clients that must notice nothing of a fault.
func (w *World) loadSteps() []step {
	return []step{
		{`clients keep making requests to {string}`, w.keepRequesting, "By name. One client makes each request on a new connection, every second one with the session of the one before; another client keeps its connection. Both verify the ACME server's root."},
		{`no request and no handshake has failed`, w.loadLossless, "Waits until each client has made ten more of them."},
	}
}

func (w *World) keepRequesting(name string) error {
	roots, err := w.acmeRoots()
	if err != nil {
		return err
	}
	address, err := w.dialAddress("https", name, 0)
	if err != nil {
		return err
	}
	w.steady = &steadyLoad{}
	ctx, cancel := context.WithCancel(w.ctx)
	var clients sync.WaitGroup
	w.cleanup(func() error { cancel(); clients.Wait(); return nil })
	c := loadClient{load: w.steady, dialer: w.dialer(""), address: address, name: name, roots: roots}
	clients.Go(func() { repeat(ctx, c.anew(tls.NewLRUClientSessionCache(1))) })
	clients.Go(func() { repeat(ctx, c.kept()) })
	return nil
}

// repeat calls a function again and again until ctx ends.
func repeat(ctx context.Context, call func(ctx context.Context)) {
	for ctx.Err() == nil {
		call(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// loadClient makes requests for one name.
type loadClient struct {
	load          *steadyLoad
	dialer        *net.Dialer
	address, name string
	roots         *x509.CertPool
}

// connect makes a connection; sessions is nil for a full handshake.
func (c *loadClient) connect(ctx context.Context, sessions tls.ClientSessionCache) (*tls.Conn, error) {
	config := &tls.Config{ServerName: c.name, RootCAs: c.roots, ClientSessionCache: sessions}
	conn, err := (&tls.Dialer{NetDialer: c.dialer, Config: config}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn.(*tls.Conn), nil
}

// anew makes each request on its own connection.
func (c *loadClient) anew(sessions tls.ClientSessionCache) func(context.Context) {
	resume := false
	return func(ctx context.Context) {
		cache := sessions
		if resume = !resume; !resume {
			cache = nil
		}
		conn, err := c.connect(ctx, cache)
		resumed := false
		if err == nil {
			err = c.request(conn, bufio.NewReader(conn))
			resumed = conn.ConnectionState().DidResume
			conn.Close()
		}
		c.load.note(ctx, err, func(l *steadyLoad) {
			l.handshakes++
			if resumed {
				l.resumed++
			}
		})
	}
}

// kept makes all requests on one connection.
func (c *loadClient) kept() func(context.Context) {
	var conn *tls.Conn
	var answers *bufio.Reader
	return func(ctx context.Context) {
		var err error
		if conn == nil {
			if conn, err = c.connect(ctx, nil); err == nil {
				answers = bufio.NewReader(conn)
			}
		}
		if err == nil {
			err = c.request(conn, answers)
		}
		c.load.note(ctx, err, func(l *steadyLoad) { l.kept++ })
	}
}

// request makes a request and expects the answer 200.
func (c *loadClient) request(conn *tls.Conn, answers *bufio.Reader) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+c.name+"\r\n\r\n"); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("got the answer %s", answer.Status)
	}
	return nil
}

// note counts a request, unless the clients have been stopped in the middle of it.
func (l *steadyLoad) note(ctx context.Context, err error, count func(*steadyLoad)) {
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	count(l)
	if err != nil {
		l.failed = errors.Join(l.failed, fmt.Errorf("after %d handshakes and %d requests on the connection that is kept, at %s: %w", l.handshakes, l.kept, time.Now().UTC().Format(time.RFC3339), err))
	}
}

func (w *World) loadLossless() error {
	if w.steady == nil {
		return errors.New("no clients keep making requests")
	}
	counts := func() (handshakes, resumed, kept int, failed error) {
		w.steady.mu.Lock()
		defer w.steady.mu.Unlock()
		return w.steady.handshakes, w.steady.resumed, w.steady.kept, w.steady.failed
	}
	handshakesBefore, resumedBefore, keptBefore, _ := counts()
	var failed error
	err := w.eventually(func() error {
		var handshakes, resumed, kept int
		if handshakes, resumed, kept, failed = counts(); failed != nil {
			return nil
		}
		if handshakes < handshakesBefore+10 || kept < keptBefore+10 || resumed == resumedBefore {
			return fmt.Errorf("got %d requests on new connections, %d of them resumed, and %d on the one that is kept, want ten more of each", handshakes, resumed, kept)
		}
		return nil
	})
	return errors.Join(failed, err)
}
