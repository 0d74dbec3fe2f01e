//go:build linux

package load

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strconv"

	"reverse-proxy/bench/internal/origin"
)

// events is a connection that receives server-sent events.
type events struct {
	raw     *rawConn
	tls     *tls.Conn
	request []byte
	// begun reports whether the head of the answer is complete. in holds the beginning of a head, or of a chunk's first
	// line; chunk is how much is missing of a chunk, with the line end that closes it.
	begun bool
	in    []byte
	chunk int
	// got is how much has come of an event, and any reports whether one has come.
	got int
	any bool
}

func newEvents(job Job) (*events, error) {
	raw, conn, err := dialTLS(job.Addr, tlsConfig(job.ServerName, "http/1.1"))
	if err != nil {
		return nil, err
	}
	raw.blocking = false
	return &events{raw: raw, tls: conn, request: h1Request(job)}, nil
}

func (c *events) fd() int       { return c.raw.fd }
func (c *events) close()        { _ = c.raw.Close() }
func (c *events) settled() bool { return c.any }

func (c *events) start() error {
	_, err := c.tls.Write(c.request)
	return err
}

// readable reads what has arrived, and counts the events that it completes.
func (c *events) readable(buf []byte) (int, error) { return readArrived(c.tls, buf, c.arrived) }

// arrived handles bytes of the answer.
func (c *events) arrived(p []byte) (complete int, err error) {
	c.in = append(c.in, p...)
	p = c.in
	if !c.begun {
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 && len(p) <= maxAnswerHead {
			return 0, nil
		}
		if line, _, _ := bytes.Cut(p, []byte("\r\n")); end < 0 || !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return 0, fmt.Errorf("got the answer %q, want 200", line)
		}
		if !bytes.Contains(bytes.ToLower(p[:end+2]), []byte("\r\ntransfer-encoding: chunked\r\n")) {
			return 0, fmt.Errorf("got the head %q, want a chunked body", p[:end])
		}
		c.begun, p = true, p[end+4:]
	}
	for len(p) > 0 {
		if c.chunk == 0 {
			line, rest, whole := bytes.Cut(p, []byte("\r\n"))
			if !whole {
				break
			}
			length, err := strconv.ParseUint(string(line), 16, 24)
			if err != nil || length == 0 {
				return complete, fmt.Errorf("got the first line %q of a chunk, want a length above 0", line)
			}
			c.chunk, p = int(length)+2, rest
			continue
		}
		n := min(len(p), c.chunk)
		done, err := c.data(p[:max(0, min(n, c.chunk-2))])
		complete += done
		if err != nil {
			return complete, err
		}
		c.chunk, p = c.chunk-n, p[n:]
	}
	c.in = append(c.in[:0], p...)
	return complete, nil
}

// data compares the content of chunks with the event that is sent again and again.
func (c *events) data(p []byte) (complete int, err error) {
	for len(p) > 0 {
		n := min(len(p), len(origin.Event)-c.got)
		if string(p[:n]) != origin.Event[c.got:c.got+n] {
			return complete, fmt.Errorf("got %q at byte %d of an event, want %q", p[:n], c.got, origin.Event)
		}
		if c.got += n; c.got == len(origin.Event) {
			c.got, c.any = 0, true
			complete++
		}
		p = p[n:]
	}
	return complete, nil
}
