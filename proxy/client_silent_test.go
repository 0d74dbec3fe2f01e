package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// silentTest is an HTTPS server whose clock the test moves, with a connection to it.
type silentTest struct {
	*registryTest
	client *net.TCPConn
	served chan struct{}
}

func newSilentTest(t *testing.T, g *gate) *silentTest {
	t.Helper()
	leaks(t)
	s := &silentTest{registryTest: newRegistryTest(1), served: make(chan struct{})}
	logger := eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard)
	source, err := cert.NewSelfSigned("a", []string{"a.test"})
	if err != nil {
		t.Fatal(err)
	}
	s.server.log, s.server.gate, s.server.tls = logger, g, listenerTLSConfig(source, g, logger)
	s.server.pipeline = &pipeline{metrics: newMetrics()}
	tcp, client := tcpPair(t)
	s.client = client
	ticket, _ := s.admit(s.newClient())
	go func() { defer close(s.served); s.server.serveConn(tcp, ticket); s.server.conns.Wait() }()
	waitFor(t, "the handshake to begin", func() bool { return s.conn() != nil && s.conn().timer.Phase() == deadline.PhaseHandshake })
	return s
}

// conn returns the connection once it is registered.
func (s *silentTest) conn() *clientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		return c.(*clientConn)
	}
	return nil
}

// ended fails the test if the server does not end the connection.
func (s *silentTest) ended(t *testing.T) {
	t.Helper()
	select {
	case <-s.served:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection was not ended")
	}
}

// shakeHands begins a handshake and waits until the server has read the ClientHello. The handshake's result follows in shaken.
func (s *silentTest) shakeHands(t *testing.T) (conn *clientConn, shaken chan error) {
	t.Helper()
	s.advance(deadline.Interval)
	shaken = make(chan error, 1)
	client := tls.Client(s.client, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test"})
	go func() { shaken <- client.HandshakeContext(context.Background()) }()
	conn = s.conn()
	waitFor(t, "the ClientHello to be read", func() bool { return conn.heard.Load() == s.sweeper.Clock.Load() })
	return conn, shaken
}

func TestAHandshakeOfWhichNothingComesGivesWayAfterASecond(t *testing.T) {
	s := newSilentTest(t, openGate())
	s.advance(freshGrace)
	waiting := s.admitting()
	if s.conn().timer.Phase() != deadline.PhaseHandshake {
		t.Fatal("the connection gave way within its first second")
	}
	// A part of a ClientHello restarts the second.
	if _, err := io.WriteString(s.client, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"); err != nil {
		t.Fatal(err)
	}
	conn := s.conn()
	waitFor(t, "the bytes to be heard", func() bool { return conn.heard.Load() == s.sweeper.Clock.Load() })
	s.advance(freshGrace)
	s.sweeper.Swept()
	if conn.timer.Phase() != deadline.PhaseHandshake {
		t.Fatal("the connection gave way within a second of its last byte")
	}
	s.advance(deadline.Interval)
	s.sweeper.Swept()
	s.ended(t)
	if waiting.wait() != admitted {
		t.Error("not admitted into the room that was made")
	}
}

func TestAHandshakeThatWaitsAtTheGateCanBeCut(t *testing.T) {
	s := newSilentTest(t, newGate(time.Hour))
	_, shaken := s.shakeHands(t)
	s.advance(freshGrace + deadline.Interval)
	waiting := s.admitting()
	s.ended(t)
	if <-shaken == nil {
		t.Error("the handshake was completed")
	}
	if waiting.wait() != admitted {
		t.Error("not admitted into the room that was made")
	}
}

// The connection's clock ends the wait, and nothing is sent (S-4.3). If the gate ended it, crypto/tls would send an alert.
func TestAHandshakeThatWaitsTooLongAtTheGateEndsWithoutAnAnswer(t *testing.T) {
	s := newSilentTest(t, newGate(0))
	conn, shaken := s.shakeHands(t)
	s.advance(conn.server.headerTimeout + deadline.Interval)
	conn.timer.Check(s.sweeper.Clock.Load())
	s.ended(t)
	if err := <-shaken; !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
}
