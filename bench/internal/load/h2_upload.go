//go:build linux

package load

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
)

// h2Windows are the windows that the proxy grants the client: of the connection, of a new stream, and what is left of a
// body on each stream.
type h2Windows struct {
	conn, initial int
	// body is the body of every request.
	body []byte
}

// h2Upload is a request body that is being sent.
type h2Upload struct{ left, window int }

// upload sends as much of the bodies as the windows allow, one stream after the other.
func (c *h2) upload() {
	for i := range c.streams {
		s := &c.streams[i]
		for s.left > 0 {
			n := min(s.left, s.window, c.windows.conn, maxFrameBytes)
			if n <= 0 {
				break
			}
			s.left -= n
			s.window -= n
			c.windows.conn -= n
			var flags http2.Flags
			if s.left == 0 {
				flags = http2.FlagDataEndStream
			}
			c.frame(http2.FrameData, flags, s.id, c.windows.body[:n])
		}
	}
}

// windowUpdate enlarges a window. Updates of streams that have ended are not an error.
func (c *h2) windowUpdate(id uint32, payload []byte) error {
	if len(payload) != 4 {
		return fmt.Errorf("got a WINDOW_UPDATE of %d bytes, want 4", len(payload))
	}
	increment := int(binary.BigEndian.Uint32(payload) & maxWindow)
	if id == 0 {
		c.windows.conn += increment
	} else if s, err := c.stream(id); err == nil {
		s.window += increment
	}
	return nil
}

// settings applies the settings that concern bodies.
func (c *h2) settings(payload []byte) {
	for ; len(payload) >= 6; payload = payload[6:] {
		if http2.SettingID(binary.BigEndian.Uint16(payload)) != http2.SettingInitialWindowSize {
			continue
		}
		value := int(binary.BigEndian.Uint32(payload[2:]))
		for i := range c.streams {
			c.streams[i].window += value - c.windows.initial
		}
		c.windows.initial = value
	}
}
