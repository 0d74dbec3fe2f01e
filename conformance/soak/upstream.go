package soak

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// findings holds the first faults found, and their total number.
type findings struct {
	mu    sync.Mutex
	first []string
	total int
}

// most is how many faults are reported in full.
const most = 20

func (f *findings) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.total++; len(f.first) < most {
		f.first = append(f.first, fmt.Sprintf(format, args...))
	}
}

// err returns all findings as one error, or nil if there are none.
func (f *findings) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.total == 0 {
		return nil
	}
	return fmt.Errorf("%d faults:\n%s", f.total, strings.Join(f.first, "\n"))
}

// upstream answers the requests of one load for one host.
type upstream struct {
	host string
	load *Load
	// addr stays the same over restarts.
	addr string

	mu     sync.Mutex
	server *http.Server
	served chan struct{}
}

// start listens on the upstream's address; the first time it picks a free one.
func (u *upstream) start() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.addr == "" {
		u.addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", u.addr)
	if err != nil {
		return err
	}
	u.addr = listener.Addr().String()
	u.server = &http.Server{Handler: u, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	u.server.Protocols.SetHTTP1(!u.load.overHTTP2)
	u.server.Protocols.SetUnencryptedHTTP2(u.load.overHTTP2)
	u.served = make(chan struct{})
	go func(server *http.Server, served chan struct{}) {
		_ = server.Serve(listener) // returns after Close, which is not an error
		close(served)
	}(u.server, u.served)
	return nil
}

// stop ends the upstream and its requests.
func (u *upstream) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.server != nil {
		_ = u.server.Close()
		<-u.served
		u.server = nil
	}
}

// closeIdle closes the idle connections.
func (u *upstream) closeIdle() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.server != nil {
		u.server.SetKeepAlivesEnabled(false)
		u.server.SetKeepAlivesEnabled(true)
	}
}

// ServeHTTP checks that all parts of a request have the same identity, and answers with it.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	identity := parts[len(parts)-1]
	n, ok := u.load.ids.number(identity)
	if !ok || n >= len(u.load.seen) {
		u.load.faults.add("upstream %s: %s %s is of no identity", u.host, r.Method, r.URL)
		w.WriteHeader(http.StatusConflict)
		return
	}
	p := planOf(n, u.load.hosts)
	if err := u.check(r, identity, p); err != nil {
		u.load.faults.add("upstream %s: request %d: %v", u.host, n, err)
		w.WriteHeader(http.StatusConflict)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if p.leave == stays && u.load.strict(p) {
			u.load.faults.add("upstream %s: request %d, whose client stays: %v", u.host, n, err)
		}
		return
	}
	if err := checkBody(body, identity, p.body); err != nil {
		u.load.faults.add("upstream %s: request %d: %v", u.host, n, err)
		w.WriteHeader(http.StatusConflict)
		return
	}
	u.load.seen[n].Add(1)
	answer(w, identity, p)
}

// check compares the fields of a request with its identity.
func (u *upstream) check(r *http.Request, identity string, p plan) error {
	for what, got := range map[string]string{
		"query": r.URL.RawQuery, "X-Identity": r.Header.Get("X-Identity"), "Cookie": r.Header.Get("Cookie"),
		"Authorization": strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "),
	} {
		if got != identity {
			return fmt.Errorf("got %s %q, want %q", what, got, identity)
		}
	}
	if host := strings.TrimSuffix(r.Host, ":"+u.load.port); host != u.host || p.host != u.host {
		return fmt.Errorf("got it for %s, planned for %s", r.Host, p.host)
	}
	if r.Method != p.method {
		return fmt.Errorf("got the method %s, want %s", r.Method, p.method)
	}
	return nil
}

// answer writes the planned answer.
func answer(w http.ResponseWriter, identity string, p plan) {
	fields := w.Header()
	if p.hints {
		fields.Set("X-Identity", identity)
		w.WriteHeader(http.StatusEarlyHints)
	}
	fields.Set("X-Identity", identity)
	fields.Set("Set-Cookie", identity)
	if p.declared {
		fields.Set("Content-Length", fmt.Sprint(p.answer))
	}
	if p.trailer {
		fields.Set("Trailer", "X-Trailing-Identity")
	}
	if p.method == http.MethodHead {
		return
	}
	body := appendBody(nil, identity, p.answer)
	if !p.declared {
		half := len(body) / 2
		_, _ = w.Write(body[:half]) // errors do not matter here and below: the client has then left
		_ = http.NewResponseController(w).Flush()
		body = body[half:]
	}
	_, _ = w.Write(body)
	if p.trailer {
		fields.Set("X-Trailing-Identity", identity)
	}
}

// counters holds one counter per request.
type counters []atomic.Int32

// wait waits for d or until the context ends, whichever comes first.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
