package steps

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

func (w *World) faultSteps() []step {
	return []step{
		{`an upstream {string} that closes a kept connection at its next request`, w.closingUpstream, "Answers the first request on each connection, and closes when it has the head of the second."},
		{`an upstream {string} that sends its head one byte every {int} ms`, w.slowHeadUpstream, "A head that has no end."},
		{`an upstream {string} that reads no body`, w.unreadingUpstream, "And never answers."},
		{`an upstream {string} that answers once {int} requests wait`, w.gatheringUpstream, "With its name, all of them at the same time."},
		{`an upstream {string} that sends 100 and then echoes bodies`, w.invitingUpstream, ""},
		{`an upstream {string} that answers twice`, w.twiceUpstream, "`first` and then `second`, in one piece, but over TLS in two records."},
		{`an upstream {string} that answers and then sends {string}`, w.unaskedUpstream, "Answers with its name; each release makes one connection that has answered send the exact bytes."},
		{`an upstream {string} that does not wait for requests`, w.hastyUpstream, "It sends its answer as soon as it is connected to, and another one, with the body `late`, to each request."},
		{`the last {int} requests to the upstream {string} came over {int} connection(s)`, w.lastConns, ""},
	}
}

func (w *World) closingUpstream(name string) error {
	answer := plain(200, name)
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		before := 0
		for _, other := range c.up.received() {
			if other.conn == c.number {
				before++
			}
		}
		return before == 1 && answer(c, req)
	})
}

func (w *World) slowHeadUpstream(name string, ms int) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		go func() {
			_, _ = io.Copy(io.Discard, c.in)
			close(req.gone)
		}()
		tick := time.NewTicker(time.Duration(ms) * time.Millisecond)
		defer tick.Stop()
		for next := "HTTP/1.1 200 OK\r\nX-Slow: "; ; {
			if _, err := io.WriteString(c, next[:1]); err != nil {
				return false
			}
			if next = next[1:]; next == "" {
				next = "x"
			}
			select {
			case <-tick.C:
			case <-req.gone:
				return false
			}
		}
	})
}

func (w *World) unreadingUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, _ *received) bool {
		<-c.up.closed
		return false
	})
}

func (w *World) gatheringUpstream(name string, count int) error {
	var waiting atomic.Int64
	all := make(chan struct{})
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		if waiting.Add(1) == int64(count) {
			close(all)
		}
		select {
		case <-all:
		case <-c.up.closed:
			return false
		}
		_, err := io.WriteString(c, plainAnswer(200, name))
		return err == nil
	})
}

func (w *World) invitingUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		return echoing(c, req)
	})
}

func (w *World) twiceUpstream(name string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if c.readBody(req) != nil {
			return false
		}
		if secure, ok := c.Conn.(*tls.Conn); ok {
			corked := secure.NetConn().(*corkedConn)
			corked.cork()
			_, _ = io.WriteString(c, plainAnswer(200, "first"))
			_, _ = io.WriteString(c, plainAnswer(200, "second"))
			return corked.uncork() == nil
		}
		_, err := io.WriteString(c, plainAnswer(200, "first")+plainAnswer(200, "second"))
		return err == nil
	})
}

func (w *World) unaskedUpstream(name, text string) error {
	unasked, err := unescape(text)
	if err != nil {
		return err
	}
	answer := plain(200, name)
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		if !answer(c, req) {
			return false
		}
		c.up.served.Go(func() {
			if c.up.awaitRelease() {
				_, _ = io.WriteString(c, unasked)
			}
		})
		return true
	})
}

func (w *World) hastyUpstream(name string) error {
	if err := w.startUpstream(name, nil, answering(plainAnswer(200, "late"))); err != nil {
		return err
	}
	up := w.upstreams[name]
	up.mu.Lock()
	defer up.mu.Unlock()
	up.greeting = plainAnswer(200, name)
	return nil
}

func (w *World) lastConns(count int, name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	requests := up.received()
	if len(requests) < count {
		return fmt.Errorf("got %d requests, want %d at least", len(requests), count)
	}
	conns := map[int]bool{}
	for _, req := range requests[len(requests)-count:] {
		conns[req.conn] = true
	}
	if len(conns) != want {
		return fmt.Errorf("got %d connections for the last %d requests, want %d", len(conns), count, want)
	}
	return nil
}

// corkingListener wraps accepted connections so that they can hold writes back.
type corkingListener struct{ net.Listener }

// Accept returns a *corkedConn.
func (l corkingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corkedConn{Conn: conn}, nil
}

// corkedConn holds writes back while it is corked, so that several TLS records arrive in one piece.
type corkedConn struct {
	net.Conn
	mu     sync.Mutex
	corked bool
	held   []byte
}

// Write writes the bytes or holds them back.
func (c *corkedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.corked {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *corkedConn) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = true
}

// uncork writes the bytes held back.
func (c *corkedConn) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = false
	held := c.held
	c.held = nil
	_, err := c.Conn.Write(held)
	return err
}
