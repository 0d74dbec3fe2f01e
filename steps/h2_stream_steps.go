package steps

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http2"
)

func (w *World) h2StreamSteps() []step {
	return []step{
		{`its last stream is answered {int}`, w.h2Answered, "Waits for the whole answer, which the sentences under Answers then check."},
		{`its last stream is refused`, w.h2Refused, "By an answer of 400 or above, by a reset, or by the end of the connection. Waits for it."},
		{`its last stream is malformed`, w.h2Malformed, "It is reset with PROTOCOL_ERROR, or answered 400; RFC 9113, section 8.1.1, leaves the choice. Waits for it."},
		{`its last stream has received {string}`, w.h2Received, "Waits until that is part of the body, while the answer may go on."},
		{`its last stream is reset with {string}`, w.h2StreamReset, "The error code's name; alternatives separated by `|`. Waits for it."},
		{`{int} of its streams are answered {int}`, w.h2CountAnswered, "Whole answers; waits until there are that many."},
		{`{int} of its streams have received something`, w.h2CountBegun, "A byte of a body; waits until there are that many."},
		{`{int} of its streams are reset with {string}`, w.h2CountReset, "Alternatives separated by `|`. Waits until there are that many."},
		{`it received no RST_STREAM`, w.h2NoReset, "On any stream, even one that it has not opened. Checks what has come so far: `it is still served` waits."},
		{`a further stream on it is answered {int}`, w.h2Further, "A GET of /, on the same connection."},
	}
}

// oneOf reports whether a code is among alternatives separated by `|`.
func oneOf(code, alternatives string) bool {
	return slices.Contains(strings.Split(alternatives, "|"), code)
}

// awaitStream waits until the check of the last stream passes.
func (w *World) awaitStream(check func(s h2Stream) error) error {
	return w.awaitH2(func(c *h2Conn) error {
		s, ok := c.streams[c.last]
		if !ok {
			return errors.New("no stream was opened yet")
		}
		s.x.mu.Lock()
		defer s.x.mu.Unlock()
		return check(*s)
	})
}

func (w *World) h2Answered(status int) error {
	return w.awaitStream(func(s h2Stream) error {
		if !s.whole || s.x.status != status {
			return fmt.Errorf("got %d %q (whole: %v, reset: %q), want %d", s.x.status, clip(string(s.x.body)), s.whole, s.reset, status)
		}
		w.exchange = s.x
		return nil
	})
}

func (w *World) h2NoReset() error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resets > 0 {
		return fmt.Errorf("got %d RST_STREAM frames, want none", c.resets)
	}
	return nil
}

func (w *World) h2Refused() error {
	return w.awaitStream(func(s h2Stream) error {
		if !s.over || s.x.err == nil && s.x.status < 400 {
			return fmt.Errorf("got %d (whole: %v), want a refusal", s.x.status, s.whole)
		}
		return nil
	})
}

func (w *World) h2Malformed() error {
	return w.awaitStream(func(s h2Stream) error {
		if s.reset == http2.ErrCodeProtocol.String() || s.whole && s.x.status == 400 {
			return nil
		}
		return fmt.Errorf("got %d (whole: %v, reset: %q), want the reset PROTOCOL_ERROR or 400", s.x.status, s.whole, s.reset)
	})
}

func (w *World) h2Received(want string) error {
	return w.awaitStream(func(s h2Stream) error {
		return contains(string(s.x.body), want)
	})
}

func (w *World) h2StreamReset(codes string) error {
	return w.awaitStream(func(s h2Stream) error {
		if !oneOf(s.reset, codes) {
			return fmt.Errorf("got the reset %q (answer %d), want %s", s.reset, s.x.status, codes)
		}
		return nil
	})
}

// awaitStreams waits until the predicate holds for that many streams.
func (w *World) awaitStreams(want int, what string, is func(s *h2Stream) bool) error {
	return w.awaitH2(func(c *h2Conn) error {
		got := 0
		for _, s := range c.streams {
			s.x.mu.Lock()
			if is(s) {
				got++
			}
			s.x.mu.Unlock()
		}
		if got != want {
			return fmt.Errorf("got %d of %d streams %s, want %d", got, len(c.streams), what, want)
		}
		return nil
	})
}

func (w *World) h2CountAnswered(want, status int) error {
	return w.awaitStreams(want, "answered", func(s *h2Stream) bool { return s.whole && s.x.status == status })
}

func (w *World) h2CountBegun(want int) error {
	return w.awaitStreams(want, "begun", func(s *h2Stream) bool { return s.x.size > 0 })
}

func (w *World) h2CountReset(want int, codes string) error {
	return w.awaitStreams(want, "reset", func(s *h2Stream) bool { return oneOf(s.reset, codes) })
}

func (w *World) h2Further(status int) error {
	if err := w.h2OpenMany(1, "/"); err != nil {
		return err
	}
	return w.h2Answered(status)
}
