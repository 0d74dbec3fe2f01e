package steps

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"time"
)

func (w *World) switchSteps() []step {
	return []step{
		{`an upstream {string} that switches to {string}`, w.switchUpstream, "Answers 101 with that protocol, sends back what comes then, and at its end ` end`, and closes."},
		{`an upstream {string} that switches to {string} and delays its end`, w.switchUpstreamWaits, "The same, but ` end` is sent when it is released."},
		{`an upstream {string} that switches to {string} and says {string}`, w.switchUpstreamSays, "As the first, with the text right after the 101, in one piece."},
		{`an upstream {string} that switches to {string}, says {string} and closes its half`, w.switchUpstreamHalf, "It reads on, and sends nothing back."},
		{`an upstream {string} that switches to {string} and sends without end`, w.switchUpstreamFloods, "It reads nothing."},
		{`the upstream {string} received {string} after the switch`, w.receivedAfterSwitch, "All that came on the last request's connection. Waits for it."},
		{`the switched connection to the upstream {string} is closed`, w.upstreamGone, "By the proxy, or its half. Waits for it."},
		{`the switched connection to the upstream {string} stays open for {int} ms`, w.switchStaysOpen, ""},
	}
}

func (w *World) switchUpstream(name, protocol string) error {
	return w.startUpstream(name, nil, switching(protocol, switchScript{}))
}

func (w *World) switchUpstreamWaits(name, protocol string) error {
	return w.startUpstream(name, nil, switching(protocol, switchScript{waits: true}))
}

func (w *World) switchUpstreamSays(name, protocol, text string) error {
	return w.greetingSwitch(name, protocol, text, false)
}

func (w *World) switchUpstreamHalf(name, protocol, text string) error {
	return w.greetingSwitch(name, protocol, text, true)
}

func (w *World) switchUpstreamFloods(name, protocol string) error {
	return w.startUpstream(name, nil, func(c *upstreamConn, req *received) bool {
		defer close(req.gone)
		if c.readBody(req) != nil {
			return false
		}
		_, err := io.WriteString(c, switchAnswer(req, protocol))
		for piece := make([]byte, 16<<10); err == nil; {
			_, err = c.Write(piece)
		}
		return false
	})
}

func (w *World) greetingSwitch(name, protocol, text string, half bool) error {
	greeting, err := unescape(text)
	if err != nil {
		return err
	}
	return w.startUpstream(name, nil, switching(protocol, switchScript{greeting: greeting, half: half}))
}

// switchScript is what an upstream does after a switch besides echoing what it reads.
type switchScript struct {
	// greeting is sent in one write with the 101.
	greeting string
	// half makes it close its sending direction right after that, and only read.
	half bool
	// waits makes it wait for a release before it answers the client's end of stream.
	waits bool
}

// switching answers 101 and continues in the other protocol.
func switching(protocol string, script switchScript) behaviour {
	return func(c *upstreamConn, req *received) bool {
		defer close(req.gone)
		if c.readBody(req) != nil {
			return false
		}
		_, _ = io.WriteString(c, switchAnswer(req, protocol)+script.greeting)
		if closer, ok := c.Conn.(interface{ CloseWrite() error }); ok && script.half {
			_ = closer.CloseWrite()
		}
		buf := make([]byte, 4096)
		for {
			n, err := c.in.Read(buf)
			c.up.mu.Lock()
			req.switched = append(req.switched, buf[:n]...)
			c.up.mu.Unlock()
			if !script.half && n > 0 {
				_, _ = c.Write(buf[:n])
			}
			if err == io.EOF && !script.half && (!script.waits || c.up.awaitRelease()) {
				_, _ = io.WriteString(c, " end")
			}
			if err != nil {
				return false
			}
		}
	}
}

// switchAnswer returns the 101 answer to a request.
func switchAnswer(req *received, protocol string) string {
	accepted := ""
	if key := value(req.fields, "Sec-WebSocket-Key"); key != "" {
		accepted = "Sec-WebSocket-Accept: " + webSocketAccept(key) + "\r\n"
	}
	return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n" + accepted + "X-Kept: yes\r\n\r\n"
}

// webSocketAccept returns the answer to a key (RFC 6455, section 4.2.2).
func webSocketAccept(key string) string {
	hash := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(hash[:])
}

func (w *World) receivedAfterSwitch(name, text string) error {
	want, err := unescape(text)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err == nil && string(req.switched) != want {
			err = fmt.Errorf("got %q after the switch, want %q", clip(string(req.switched)), want)
		}
		return err
	})
}

func (w *World) switchStaysOpen(name string, ms int) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	return w.during(time.Duration(ms)*time.Millisecond, func() error {
		select {
		case <-req.gone:
			return fmt.Errorf("the proxy has closed the switched connection to %q", name)
		default:
			return nil
		}
	})
}
