package h2client

import (
	"slices"

	"reverse-proxy/proxy/http2"
)

// abandoned counts the streams of a connection that were given up before they were complete. Each is reset by RST_STREAM, but only
// at a pace that servers accept: any client can cancel requests, and a server that gets too many resets ends the connection, and
// with it the requests of all clients. A connection that has spent its budget therefore takes no more streams. It resets the rest
// within a few seconds, and ends with the last stream that is not given up.
type abandoned struct {
	// resets is how many more streams may be reset now.
	resets int
	// late are the streams that are given up and not reset yet, oldest first.
	late []lateReset
	// underWay is how many bytes the windows of such streams let the server still send.
	underWay int
}

// lateReset is a reset that waits.
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

// resetLate resets as many streams as a second allows. The caller holds mu.
func (c *Conn) resetLate() {
	c.resets = min(resetsAtOnce, c.resets+resetsEachSecond)
	n := min(lateEachSecond, len(c.late))
	for _, l := range c.late[:n] {
		c.reset(l.stream, l.code)
	}
	c.late = slices.Delete(c.late, 0, n)
}

// tooLate handles n bytes of a stream that is gone; ended reports whether the server has ended it. The caller holds mu.
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
