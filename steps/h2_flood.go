package steps

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

func (w *World) h2FloodSteps() []step {
	return []step{
		{`it floods the proxy with {int} of {string}`, w.h2Flood, "As fast as they are taken, and fewer where the connection ends before. What: " + floodNames() + "."},
		{`it opens {int} streams for {string} and resets them, {int} times, once every {int} ms`, w.h2Zoom, "As a map does while it is zoomed: the resets come after half of that time. Waits until it is done, and fails where the connection ends before."},
		{`it sends {string} every {int} ms`, w.h2Drip, "`a byte of DATA` of its last stream, `a byte of a header block` of a new one or `a PING`, until the connection ends; does not wait."},
		{`it sends {string} on its last stream {int} times, once every {int} ms`, w.h2Repeat, "As DATA that does not end the stream. Waits until it is done."},
	}
}

// h2Floods are the kinds of frames with which a client floods the proxy: each function writes the i-th of them.
var h2Floods = map[string]func(c *h2Conn, i int) error{
	"streams that it resets": func(c *h2Conn, _ int) error {
		if err := c.open(c.get("/"), true); err != nil {
			return err
		}
		return c.out.WriteRSTStream(c.last, http2.ErrCodeCancel)
	},
	// Enlarging a stream's window by 0 is an error, for which the proxy must reset the stream.
	"streams that it makes the proxy reset": func(c *h2Conn, _ int) error {
		if err := c.open(c.get("/"), true); err != nil {
			return err
		}
		return c.out.WriteWindowUpdate(c.last, 0)
	},
	"HEADERS without a byte": func(c *h2Conn, _ int) error {
		return c.out.WriteHeaders(http2.HeadersFrameParam{StreamID: c.newStream(), EndHeaders: true, EndStream: true})
	},
	"requests": func(c *h2Conn, _ int) error { return c.open(c.get("/"), true) },
	"HEADERS on a stream that was reset": func(c *h2Conn, i int) error {
		if i == 0 { // a malformed request without its end
			if err := c.open([][2]string{{":method", "POST"}, {"connection", "close"}}, false); err != nil {
				return err
			}
		}
		return c.out.WriteHeaders(http2.HeadersFrameParam{StreamID: c.last, BlockFragment: []byte{0x88}, EndHeaders: true, EndStream: true})
	},
	"DATA without a byte":         func(c *h2Conn, _ int) error { return c.out.WriteData(c.last, false, nil) },
	"CONTINUATION without a byte": func(c *h2Conn, i int) error { return c.endless(i, nil) },
	"CONTINUATION": func(c *h2Conn, i int) error {
		// Literal fields without indexing, each complete within its frame.
		field := hpackString(hpackString([]byte{0}, "x-long"), strings.Repeat("x", 1000))
		return c.endless(i, bytes.Repeat(field, 16))
	},
	"HPACK bombs": func(c *h2Conn, _ int) error { return c.bomb() },
	"PING":        func(c *h2Conn, i int) error { return c.out.WritePing(false, [8]byte{byte(i), byte(i >> 8)}) },
	"SETTINGS": func(c *h2Conn, i int) error {
		return c.out.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: uint32(16<<10 + i%2)})
	},
	"SETTINGS without a setting": func(c *h2Conn, _ int) error { return c.out.WriteSettings() },
	"PRIORITY": func(c *h2Conn, i int) error {
		return c.out.WritePriority(uint32(2*(i%1000)+1)+2000, http2.PriorityParam{Weight: uint8(i), StreamDep: uint32(2*(i%77) + 1)})
	},
	"PRIORITY_UPDATE": func(c *h2Conn, i int) error {
		id := uint32(2*(i%100_000) + 1)
		return c.out.WriteRawFrame(0x10, 0, 0, append([]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}, "u=1"...))
	},
	"WINDOW_UPDATE":             func(c *h2Conn, _ int) error { return c.out.WriteWindowUpdate(0, 1) },
	"frames of an unknown type": func(c *h2Conn, i int) error { return c.out.WriteRawFrame(0xee, 0, 0, []byte("what?")) },
}

func floodNames() string {
	return "`" + strings.Join(slices.Sorted(maps.Keys(h2Floods)), "`, `") + "`"
}

// endless writes the beginning of a header block, and then the i-th continuation, none of which ends it.
func (c *h2Conn) endless(i int, fragment []byte) error {
	if i > 0 {
		return c.out.WriteContinuation(c.last, false, fragment)
	}
	return c.out.WriteHeaders(http2.HeadersFrameParam{
		StreamID: c.newStream(), BlockFragment: []byte{0x82, 0x87, 0x84}, EndStream: true, // GET, https, /
	})
}

// bomb writes a request of 16 KiB that expands to 48 MiB: a long field goes into the dynamic table, and then each byte
// repeats it.
func (c *h2Conn) bomb() error {
	block := hpackString([]byte{0x82, 0x87, 0x84, 0x41}, c.host)
	block = hpackString(hpackString(append(block, 0x40), "x-bomb"), strings.Repeat("x", 3900))
	// The field is the newest of the dynamic table, whose indices follow the 61 of the static one.
	block = append(block, bytes.Repeat([]byte{0x80 | 62}, 16<<10-len(block))...)
	return c.out.WriteHeaders(http2.HeadersFrameParam{
		StreamID: c.newStream(), BlockFragment: block, EndHeaders: true, EndStream: true,
	})
}

// hpackString appends a string literal without Huffman coding, RFC 7541, section 5.2.
func hpackString(block []byte, text string) []byte {
	n := len(text)
	if n < 127 {
		return append(append(block, byte(n)), text...)
	}
	block = append(block, 127)
	for n -= 127; n >= 128; n >>= 7 {
		block = append(block, byte(n)|0x80)
	}
	return append(append(block, byte(n)), text...)
}

func (w *World) h2Flood(count int, what string) error {
	write, ok := h2Floods[what]
	if !ok {
		return fmt.Errorf("%q is not a flood; %s are", what, floodNames())
	}
	return w.onH2(func(c *h2Conn) error {
		for i := range count {
			if c.closed() {
				return nil
			}
			// Each batch has the time of a step: it must be read, or the connection ended.
			if i%1000 == 0 {
				_ = c.SetWriteDeadline(time.Now().Add(patience))
			}
			if err := write(c, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *World) h2Drip(what string, ms int) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	// A long authority, after the fields that begin the block.
	block := hpackString([]byte{0x41}, strings.Repeat("x", 1000))
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	var write func(i int) error
	switch what {
	case "a byte of DATA":
		write = func(int) error { return c.out.WriteData(last, false, []byte("x")) }
	case "a byte of a header block":
		write = func(i int) error { return c.endless(i, block[min(max(i-1, 0), len(block)-1):][:1]) }
	case "a PING":
		write = func(int) error { return c.out.WritePing(false, [8]byte{'m', 'o', 'r', 'e'}) }
	default:
		return fmt.Errorf("%q is nothing that can be sent", what)
	}
	stopped := make(chan struct{})
	w.cleanup(func() error {
		_ = c.Close()
		<-stopped
		return nil
	})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Duration(ms) * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if c.send(func() error { return write(i) }) != nil {
				return
			}
			select {
			case <-c.ended:
				return
			case <-tick.C:
			}
		}
	}()
	return nil
}

func (w *World) h2Repeat(text string, times, ms int) error {
	tick := time.NewTicker(time.Duration(ms) * time.Millisecond)
	defer tick.Stop()
	for range times {
		if err := w.h2Data(text); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
	return nil
}

func (w *World) h2Zoom(count int, target string, times, ms int) error {
	tick := time.NewTicker(time.Duration(ms) * time.Millisecond / 2)
	defer tick.Stop()
	for i := range 2 * times {
		do := w.h2CancelAll
		if i%2 == 0 {
			do = func() error { return w.h2OpenMany(count, target) }
		}
		if err := do(); err != nil {
			return err
		}
		if w.h2Conn.closed() {
			return fmt.Errorf("the connection was ended with %s in round %d, want it to go on", w.h2Conn.farewell(), i/2+1)
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
	return nil
}
