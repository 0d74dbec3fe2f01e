package steps

import (
	"crypto/tls"
	"io"
	"net"

	"github.com/cucumber/godog"
)

func (w *World) endSteps() []step {
	return []step{
		{`an upstream {string} that answers and ends the connection abruptly:`, w.upstreamBreaksOff, "As `answers and closes`, but it closes only the TCP connection: over TLS without close_notify."},
		{`an upstream {string} that answers and resets the connection when it is released:`, w.upstreamResets, ""},
		{`an upstream {string} that switches to {string}, says {string} and ends the connection abruptly`, w.switchUpstreamBreaks, "It closes only the TCP connection: over TLS without close_notify."},
	}
}

// tcpOf returns the TCP connection under an upstream's connection.
func tcpOf(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if corked, ok := conn.(*corkedConn); ok {
		conn = corked.Conn
	}
	return conn
}

func (w *World) upstreamBreaksOff(name string, text *godog.DocString) error {
	return w.rawUpstream(name, text, func(answer string) behaviour {
		return func(c *upstreamConn, req *received) bool {
			if c.readBody(req) == nil {
				_, _ = io.WriteString(c, answer)
			}
			_ = tcpOf(c.Conn).Close()
			return false
		}
	})
}

func (w *World) upstreamResets(name string, text *godog.DocString) error {
	return w.rawUpstream(name, text, func(answer string) behaviour {
		return func(c *upstreamConn, req *received) bool {
			if c.readBody(req) != nil {
				return false
			}
			_, _ = io.WriteString(c, answer)
			if c.up.awaitRelease() {
				tcp := tcpOf(c.Conn)
				if lingers, ok := tcp.(*net.TCPConn); ok {
					_ = lingers.SetLinger(0)
				}
				_ = tcp.Close()
			}
			return false
		}
	})
}

func (w *World) switchUpstreamBreaks(name, protocol, text string) error {
	greeting, err := unescape(text)
	if err != nil {
		return err
	}
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		defer close(req.gone)
		if c.readBody(req) == nil {
			_, _ = io.WriteString(c, switchAnswer(req, protocol)+greeting)
		}
		_ = tcpOf(c.Conn).Close()
		return false
	})
}
