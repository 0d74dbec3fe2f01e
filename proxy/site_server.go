package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// siteServer serves the connections of one HTTPS listener: HTTP/1 and HTTP/2.
type siteServer struct {
	listener      int
	address       string
	port          string
	pipeline      *pipeline
	tls           *tls.Config
	registry      *connRegistry
	log           *Logger
	headerTimeout time.Duration
	idleTimeout   time.Duration
	isDraining    atomic.Bool
	conns         sync.WaitGroup
}

// draining reports whether connections are to end with the request in flight. It is true before the first port closes.
func (s *siteServer) draining() bool { return s.isDraining.Load() }

// serve accepts connections until the listener is closed, which is no error.
func (s *siteServer) serve(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !s.registry.admit() { // where there is no room this one waits here, and the next in the backlog
			_ = conn.Close()
			return nil
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			s.registry.release()
			return errors.Join(errors.New("the listener is not a TCP listener"), conn.Close())
		}
		c, err := newClientConn(s, tcp)
		if err != nil || !s.registry.add(c) {
			s.registry.release()
			_ = tcp.Close() // it could not be served, and has received nothing
			continue
		}
		s.conns.Go(func() {
			defer contain(s.log, c.clientText, c.close)
			if !c.handshake() {
				c.close()
				return
			}
			// In a goroutine of its own, whose stack is not as large as a handshake makes it.
			s.conns.Go(func() {
				defer c.close()
				defer contain(s.log, c.clientText, c.cut)
				c.serve()
			})
		})
	}
}

// handshakeFailed logs a handshake that was not completed: any scanner causes some, and so at debug.
func (s *siteServer) handshakeFailed(c *clientConn, err error) {
	if errors.Is(err, io.EOF) || !s.log.Enabled(LevelDebug) {
		return
	}
	s.log.Log(LevelDebug, "CONNECTION_ERROR", Str("listener", s.address), Str("client_ip", c.clientText), Err(err))
}

// countHandshake counts a handshake that has ended.
func (s *siteServer) countHandshake(c *clientConn, err error) {
	result := handshakeDone
	switch {
	case err == nil:
	case c.watch.phase() == phaseExpired:
		result = handshakeLate
	case errors.Is(err, io.EOF):
		result = handshakeClosed
	default:
		result = handshakeFailed
	}
	s.pipeline.metrics.process.handshake(result, c.tls.ConnectionState().Version)
}

// shutdown makes connections end with their request in flight.
func (s *siteServer) shutdown() { s.isDraining.Store(true) }

// pastDeadline makes what is blocked return.
var pastDeadline = time.Unix(1, 0)
