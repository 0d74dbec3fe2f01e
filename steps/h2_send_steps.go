package steps

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) h2SendSteps() []step {
	return []step{
		{`it opens a stream with the fields {string}`, w.h2Open, "Exactly these, as `name=value`, separated by `; `, with the escapes of raw connections. The stream has no body."},
		{`it opens a stream with the fields {string} and the body {string}`, w.h2OpenBody, "A DATA frame for each text between `|`, the last of which ends the stream."},
		{`it opens a stream for {string} with {int} cookie(s) and {int} other field(s)`, w.h2OpenCookies, "A GET. Each cookie is a field of its own, as browsers send them: `c0=v0`, `c1=v1` …; the other fields are `x-0`, `x-1` …."},
		{`it opens {int} stream(s) for {string}`, w.h2OpenMany, "Each is a GET of that target."},
		{`it opens {int} stream(s) for {string} and answers the proxy's PING, in one piece`, w.h2OpenAndAnswer, "In one TLS record, with the PING last. Waits for the PING, which other sentences leave unanswered."},
		{`it begins a stream for {string}`, w.h2Begin, "A POST of that target whose body has not begun."},
		{`it sends a PRIORITY frame of {int} bytes for the stream {int}`, w.h2Priority, "Bytes of 0; `a PRIORITY frame of 5 bytes` makes the stream depend on stream 0, which it may."},
		{`it sends a PRIORITY frame by which the stream {int} depends on itself`, w.h2SelfDependent, ""},
		{`it sends {string} on its last stream`, w.h2Data, "As DATA that does not end the stream."},
		{`it sends {int} bytes on its last stream`, w.h2DataSize, "As DATA that does not end the stream, whatever the windows are."},
		{`it ends its last stream`, w.h2End, ""},
		{`it ends its last stream with the trailer fields {string}`, w.h2Trailers, "As `name=value`, separated by `; `."},
		{`it resets its last stream`, w.h2Cancel, "With CANCEL."},
		{`it resets all its streams`, w.h2CancelAll, "With CANCEL, those that are not over."},
	}
}

// fieldList reads fields as `name=value`, separated by `; `.
func fieldList(text string) ([][2]string, error) {
	var fields [][2]string
	for part := range strings.SplitSeq(text, "; ") {
		end := strings.IndexByte(part[min(1, len(part)):], '=') + 1
		if end < 1 {
			return nil, fmt.Errorf("%q is not a name=value", part)
		}
		name, err := unescape(part[:end])
		if err != nil {
			return nil, err
		}
		value, err := unescape(part[end+1:])
		if err != nil {
			return nil, err
		}
		fields = append(fields, [2]string{name, value})
	}
	return fields, nil
}

func (w *World) h2Open(text string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error { return c.open(fields, true) })
}

func (w *World) h2OpenBody(text, body string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error {
		err := c.open(fields, false)
		parts := strings.Split(body, "|")
		for i, part := range parts {
			err = errors.Join(err, c.out.WriteData(c.last, i == len(parts)-1, []byte(part)))
		}
		return err
	})
}

func (w *World) h2OpenMany(count int, target string) error {
	for range count {
		if err := w.onH2(func(c *h2Conn) error { return c.open(c.get(target), true) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) h2OpenAndAnswer(count int, target string) error {
	var ping [8]byte
	err := w.awaitH2(func(c *h2Conn) error {
		if len(c.pings) == 0 {
			return fmt.Errorf("got no PING (GOAWAYs: %v, end: %v)", c.goAways, c.err)
		}
		ping = c.pings[len(c.pings)-1]
		return nil
	})
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error {
		for range count {
			if err := c.open(c.get(target), true); err != nil {
				return err
			}
		}
		return c.out.WritePing(true, ping)
	})
}

func (w *World) h2OpenCookies(target string, cookies, others int) error {
	return w.onH2(func(c *h2Conn) error {
		fields := c.get(target)
		for i := range others {
			fields = append(fields, [2]string{fmt.Sprint("x-", i), "v"})
		}
		for i := range cookies {
			fields = append(fields, [2]string{"cookie", cookie(i)})
		}
		return c.open(fields, true)
	})
}

// cookie returns the i-th cookie of a client that has many.
func cookie(i int) string { return fmt.Sprintf("c%d=v%d", i, i) }

func (w *World) h2Begin(target string) error {
	return w.onH2(func(c *h2Conn) error {
		fields := c.get(target)
		fields[0][1] = "POST"
		return c.open(fields, false)
	})
}

func (w *World) h2Data(text string) error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteData(c.last, false, []byte(text)) })
}

func (w *World) h2Priority(size, stream int) error {
	return w.onH2(func(c *h2Conn) error {
		return c.out.WriteRawFrame(http2.FramePriority, 0, uint32(stream), make([]byte, size))
	})
}

func (w *World) h2SelfDependent(stream int) error {
	return w.onH2(func(c *h2Conn) error {
		return c.out.WritePriority(uint32(stream), http2.PriorityParam{StreamDep: uint32(stream)})
	})
}

func (w *World) h2DataSize(size int) error {
	return w.onH2(func(c *h2Conn) error {
		for ; size > 0; size -= 16 << 10 {
			if err := c.out.WriteData(c.last, false, make([]byte, min(size, 16<<10))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *World) h2End() error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteData(c.last, true, nil) })
}

func (w *World) h2Trailers(text string) error {
	fields, err := fieldList(text)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error {
		c.block.Reset()
		for _, f := range fields {
			if err := c.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
				return err
			}
		}
		return c.out.WriteHeaders(http2.HeadersFrameParam{
			StreamID: c.last, BlockFragment: c.block.Bytes(), EndHeaders: true, EndStream: true,
		})
	})
}

func (w *World) h2Cancel() error {
	return w.onH2(func(c *h2Conn) error { return c.out.WriteRSTStream(c.last, http2.ErrCodeCancel) })
}

func (w *World) h2CancelAll() error {
	return w.onH2(func(c *h2Conn) error {
		c.mu.Lock()
		var open []uint32
		for id, s := range c.streams {
			if !s.over {
				open = append(open, id)
				s.end(errors.New("the client has reset the stream"))
			}
		}
		c.mu.Unlock()
		var failed error
		for _, id := range open {
			failed = errors.Join(failed, c.out.WriteRSTStream(id, http2.ErrCodeCancel))
		}
		return failed
	})
}
