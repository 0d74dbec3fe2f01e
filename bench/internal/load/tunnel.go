//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"fmt"

	"reverse-proxy/bench/internal/origin"
)

// tunnel is a WebSocket connection with one message in flight, which the origin sends back.
type tunnel struct {
	raw *rawConn
	tls *tls.Conn
	// request is the handshake of RFC 6455; partial the beginning of the answer to it, nil after its end.
	request, partial []byte
	// message and back are the frames of a message in each direction; got is how much has come of the one that comes back.
	message, back []byte
	got           int
}

func newTunnel(job Job) (*tunnel, error) {
	raw, conn, err := dialTLS(job.Addr, tlsConfig(job.ServerName, "http/1.1"))
	if err != nil {
		return nil, err
	}
	raw.blocking = false
	return &tunnel{raw: raw, tls: conn, request: upgradeRequest(job), partial: []byte{},
		message: origin.Message(true), back: origin.Message(false)}, nil
}

// upgradeRequest asks for a WebSocket with the key of RFC 6455's example.
func upgradeRequest(job Job) []byte {
	return requestWith(job, "connection: Upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-version: 13\r\n",
		"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
}

func (c *tunnel) fd() int       { return c.raw.fd }
func (c *tunnel) close()        { _ = c.raw.Close() }
func (c *tunnel) settled() bool { return c.partial == nil }

func (c *tunnel) start() error {
	_, err := c.tls.Write(c.request)
	return err
}

// readable reads what has arrived, and sends the next message when the one before is back. It counts both directions.
func (c *tunnel) readable(buf []byte) (int, error) {
	messages := 0
	for {
		n, err := c.tls.Read(buf)
		if isAgain(err) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		done, err := c.arrived(buf[:n])
		if err != nil {
			return messages, err
		}
		if !done {
			continue
		}
		if c.partial != nil {
			c.partial = nil
		} else {
			messages += 2
		}
		if _, err := c.tls.Write(c.message); err != nil {
			return messages, err
		}
	}
}

// arrived checks bytes of the answer to the handshake or of a message, and reports whether that is complete.
func (c *tunnel) arrived(p []byte) (bool, error) {
	if c.partial != nil {
		c.partial = append(c.partial, p...)
		end := bytes.Index(c.partial, []byte("\r\n\r\n"))
		if end < 0 && len(c.partial) <= maxAnswerHead {
			return false, nil
		}
		if line, _, _ := bytes.Cut(c.partial, []byte("\r\n")); end != len(c.partial)-4 || !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
			return false, fmt.Errorf("got the answer %q with %d bytes, want 101 and nothing after its head", line, len(c.partial))
		}
		return true, nil
	}
	if !bytes.HasPrefix(c.back[c.got:], p) {
		return false, fmt.Errorf("got %q at byte %d of a message, want it as it was sent", p, c.got)
	}
	c.got = (c.got + len(p)) % len(c.back)
	return c.got == 0, nil
}
