//go:build linux

package load

import (
	"strings"
	"testing"
)

func TestH2RefusesFramesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct{ frame, want string }{
		"a frame that is too long is refused":        {"\x01\x00\x00\x00\x00\x00\x00\x00\x01", "65536 bytes"},
		"the end of the connection is refused":       {"\x00\x00\x00\x07\x00\x00\x00\x00\x00", "GOAWAY"},
		"the end of a stream is refused":             {"\x00\x00\x00\x03\x00\x00\x00\x00\x01", "RST_STREAM"},
		"data of a stream that is closed is refused": {"\x00\x00\x00\x00\x01\x00\x00\x00\x09", "stream 9"},
		"an answer without a head is refused":        {"\x00\x00\x00\x00\x01\x00\x00\x00\x01", "head: false"},
		"padding is refused":                         {"\x00\x00\x01\x00\x08\x00\x00\x00\x01\x00", "padded"},
		"a head that ends the stream is refused":     {"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88", "flags"},
		"a head with another status is refused":      {"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x8d", `"404"`},
		"a head that is no HPACK is refused":         {"\x00\x00\x01\x01\x04\x00\x00\x00\x01\x80", "index"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newH2State(Job{Streams: 1, AnswerBytes: 5})
			h.request(&h.streams[0])
			if _, _, err := h.frames([]byte(c.frame)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestH2KeepsWhatIsNotAWholeFrame(t *testing.T) {
	h := newH2State(Job{Streams: 1, AnswerBytes: 2})
	h.request(&h.streams[0])
	answer := "\x00\x00\x01\x01\x04\x00\x00\x00\x01\x88" + "\x00\x00\x02\x00\x01\x00\x00\x00\x01ok"
	var in []byte
	for i := range len(answer) {
		rest, complete, err := h.frames(append(in, answer[i]))
		if err != nil {
			t.Fatal(err)
		}
		if last := i == len(answer)-1; (complete == 1) != last {
			t.Fatalf("byte %d: got %d answers, want one with the last byte", i, complete)
		}
		in = append([]byte(nil), rest...)
	}
	if h.streams[0].id != 3 {
		t.Errorf("got stream %d after the answer, want the next one, 3", h.streams[0].id)
	}
}

func TestH2AnswersSettingsAndPings(t *testing.T) {
	for name, c := range map[string]struct{ frame, want string }{
		"settings are acknowledged":       {"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x00\x04\x01\x00\x00\x00\x00"},
		"acknowledged ones are not":       {"\x00\x00\x00\x04\x01\x00\x00\x00\x00", ""},
		"a ping comes back":               {"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678", "\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678"},
		"a ping's answer is not answered": {"\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newH2State(Job{Streams: 1})
			if _, _, err := h.frames([]byte(c.frame)); err != nil {
				t.Fatal(err)
			}
			if got := string(h.out); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestH2OpensItsWindowAgain(t *testing.T) {
	h := newH2State(Job{Streams: 1, AnswerBytes: 2})
	h.request(&h.streams[0])
	h.out, h.received = nil, windowThreshold
	if _, _, err := h.frames([]byte("\x00\x00\x01\x00\x00\x00\x00\x00\x01x")); err != nil {
		t.Fatal(err)
	}
	if want := "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x20\x00\x00\x01"; string(h.out) != want || h.received != 0 {
		t.Errorf("got %q with %d left, want %q", h.out, h.received, want)
	}
}
