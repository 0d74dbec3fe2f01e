package h2client

import (
	"slices"

	"reverse-proxy/proxy/http2"
)

// abandoned keeps account of the streams of a connection that were given up before they were complete. Each is reset
// with RST_STREAM, but only at a rate that servers accept: any client can cancel requests, and a server that receives
// too many resets ends the connection, and with it the requests of all clients. A connection that has used up its
// budget therefore takes no more streams. It resets the rest within a few seconds, and ends with the last stream that
// was not given up.
type abandoned struct {
	// resets is how many more streams may be reset now.
	resets int
	// late holds the streams that were given up but not reset yet, oldest first.
	late []lateReset
	// underWay is how many bytes the server may still send on streams that were given up.
	underWay int
}

// lateReset is a reset that is still to be sent.
type lateReset struct {
	stream uint32
	code   http2.Code
}

// giveUp ends a stream that is not complete. The caller holds mu.
func (c *Conn) giveUp(s *Stream, code http2.Code) {
	if !s.ended {
		c.underWay += s.room + lateSlack
	}
	if c.resets > 0 {
		c.resets--
		c.reset(s.id, code)
	} else {
		c.late = append(c.late, lateReset{s.id, code})
	}
	if c.resets == 0 {
		c.draining = true
	}
}

// resetLate sends as many of the delayed resets as are due in a second. The caller holds mu.
func (c *Conn) resetLate() {
	c.resets = min(resetsAtOnce, c.resets+resetsEachSecond)
	n := min(lateEachSecond, len(c.late))
	for _, l := range c.late[:n] {
		c.reset(l.stream, l.code)
	}
	c.late = slices.Delete(c.late, 0, n)
}

// tooLate handles n bytes that arrived for a stream that is gone. ended reports whether the server has ended the
// stream. The caller holds mu.
func (r *reader) tooLate(stream uint32, n int, ended bool) *http2.Error {
	c := r.conn
	if ended && len(c.late) > 0 {
		c.late = slices.DeleteFunc(c.late, func(l lateReset) bool { return l.stream == stream })
	}
	if n == 0 || n > c.underWay {
		return r.wasted()
	}
	c.underWay -= n
	return nil
}
