package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// TestNobodyWaitsForOthersWithATurn checks that a client's next connection is served while a crowd of its connections waits
// for something. It would not be served if the waiting goroutines had kept their turns.
func TestNobodyWaitsForOthersWithATurn(t *testing.T) {
	tests := []struct {
		name string
		wait func(t *testing.T, p *turnTest)
	}{
		{"they wait for a handshake to begin", func(t *testing.T, p *turnTest) { p.dialFrom(t, "127.0.0.1") }},
		{"they wait for the rest of a ClientHello", func(t *testing.T, p *turnTest) {
			send(t, p.dialFrom(t, "127.0.0.1"), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
		}},
		{"they wait for the rest of a handshake", func(t *testing.T, p *turnTest) {
			if clientOf(&oneWrite{Conn: p.dialFrom(t, "127.0.0.1")}, "http/1.1").Handshake() == nil {
				t.Fatal("the handshake was completed")
			}
		}},
		{"they wait for a request over HTTP/1", func(t *testing.T, p *turnTest) {
			if err := ask(p.dial(t), "/"); err != nil {
				t.Fatal(err)
			}
		}},
		{"they wait for a request over HTTP/2", func(t *testing.T, p *turnTest) { newH2ClientOn(t, p.dialFor(t, "h2")).sync() }},
		{"they wait for an upstream, over HTTP/2", func(t *testing.T, p *turnTest) {
			c := newH2ClientOn(t, p.dialFor(t, "h2"))
			c.request(1, "GET", "/silent", true)
			c.request(3, "GET", "/silent", true)
			c.sync()
		}},
		{"they wait for a window, with an answer of the proxy's", func(t *testing.T, p *turnTest) {
			c := newH2ClientOn(t, p.dialFor(t, "h2"), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			c.head(1, true, ":method", "GET", ":scheme", "https", ":path", "/", ":authority", "b.test")
			c.until("the head", func() bool { return len(c.stream(1).heads) > 0 })
		}},
		{"they wait for a window, with a response", func(t *testing.T, p *turnTest) {
			c := newH2ClientOn(t, p.dialFor(t, "h2"), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			c.request(1, "GET", "/", true)
			c.until("the head", func() bool { return len(c.stream(1).heads) > 0 })
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			p := newTurnTest(t)
			for range cap(p.account.turns.Load().taken) + 1 {
				test.wait(t, p)
			}
			p.answered(t, "127.0.0.1")
			waitFor(t, "the turns to be given back", func() bool { return len(p.account.turns.Load().taken) == 0 })
		})
	}
}

// oneWrite is a connection that takes only one write: a ClientHello, and nothing to finish the handshake.
type oneWrite struct {
	net.Conn
	wrote bool
}

// Write implements net.Conn.
func (c *oneWrite) Write(p []byte) (int, error) {
	if c.wrote {
		return 0, io.ErrShortWrite
	}
	c.wrote = true
	return c.Conn.Write(p)
}

func send(t *testing.T, conn io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func TestAHandshakeWaitsAtTheGateWithoutATurn(t *testing.T) {
	leaks(t)
	server, client := tcpPair(t)
	source, err := cert.NewSelfSigned("a", []string{"a.test"})
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(time.Hour)
	config := listenerTLSConfig(source, g, eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard))
	var asked, holds atomic.Bool
	certificate := config.GetCertificate
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		asked.Store(true) // nothing is read from here on
		return certificate(hello)
	}
	s, err := newSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	s.received, s.waits = func() { holds.Store(true) }, func() { holds.Store(false) }
	served, shaken := make(chan error, 1), make(chan error, 1)
	go func() { served <- tls.Server(s, config).Handshake() }()
	go func() { shaken <- clientOf(client, "http/1.1").Handshake() }()
	waitFor(t, "the turn to be given back", func() bool { return asked.Load() && !holds.Load() })
	g.open()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := <-shaken; err != nil {
		t.Error(err)
	}
}

func TestAWriteWaitsForRoomWithoutATurn(t *testing.T) {
	leaks(t)
	server, client := tcpPair(t)
	s, err := newSocket(server)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan struct{}, 100)
	s.waits = func() { waits <- struct{}{} }
	written := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, 64<<20))
		written <- err
	}()
	select {
	case <-waits:
	case err := <-written:
		t.Fatalf("written with the error %v, and never waited", err)
	}
	_ = client.Close()
	if err := <-written; err == nil {
		t.Error("everything was written although no client read it")
	}
}

func TestAConnectionThatWaitsForItsTurnIsNotIdle(t *testing.T) {
	leaks(t)
	p := newTurnTest(t)
	c := newH2ClientOn(t, p.dialFor(t, "h2"))
	c.sync()
	served := p.lastConn()
	waitFor(t, "the connection to be idle", func() bool { return served.timer.Phase() == deadline.PhaseFirst })
	turns := p.account.turns.Load()
	for range cap(turns.taken) {
		turns.take()
	}
	c.request(1, "GET", "/", true)
	waitFor(t, "the request to be read", func() bool { return served.timer.Phase() == deadline.PhaseHead })
	if served.endIdle() {
		t.Error("it was ended as idle, with a request that was read")
	}
	for range cap(turns.taken) {
		turns.give()
	}
	c.answer(1)
	waitFor(t, "the connection to be idle", func() bool { return served.timer.Phase() == deadline.PhaseIdle })
}

// lastConn returns the most recently registered connection.
func (p *turnTest) lastConn() (last *clientConn) {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	for c := range p.registry.conns {
		if c := c.(*clientConn); last == nil || c.number > last.number {
			last = c
		}
	}
	return last
}
