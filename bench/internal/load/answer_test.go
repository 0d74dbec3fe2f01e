//go:build linux

package load

import (
	"strings"
	"testing"
)

const goodAnswer = "HTTP/1.1 200 OK\r\nDate: now\r\nCookie: c\r\ncontent-LENGTH: 10\r\nConnection: keep-alive\r\n\r\n0123456789"

func TestAnswerIsCompleteWithItsLastByte(t *testing.T) {
	for size := 1; size <= len(goodAnswer); size++ {
		var a answer
		for turn := range 2 { // a connection has many answers
			for at := 0; at < len(goodAnswer); at += size {
				end := min(at+size, len(goodAnswer))
				complete, err := a.feed([]byte(goodAnswer[at:end]), 10)
				if err != nil {
					t.Fatalf("parts of %d, answer %d, byte %d: %v", size, turn, at, err)
				}
				if want := end == len(goodAnswer); complete != want {
					t.Fatalf("parts of %d, answer %d, to byte %d: got complete %v, want %v", size, turn, end, complete, want)
				}
			}
		}
	}
}

func TestAnswerWithoutBodyIsComplete(t *testing.T) {
	var a answer
	complete, err := a.feed([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 0)
	if err != nil || !complete {
		t.Errorf("got %v, %v, want complete", complete, err)
	}
}

func TestAnswerThatIsNotTheExpectedOneIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"another status is an error":             {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 10\r\n\r\n", `"HTTP/1.1 502 Bad Gateway"`},
		"another version is an error":            {"HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n", "HTTP/1.0"},
		"a longer body announced is an error":    {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", "want a length of 10"},
		"an invalid length is an error":          {"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", "want a length of 10"},
		"a missing length is an error":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "no Content-Length"},
		"more bytes than announced are an error": {goodAnswer + "x", "1 bytes after the end"},
		"a head without an end is an error":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswerHead), "more than 16384"},
	} {
		t.Run(name, func(t *testing.T) {
			var a answer
			_, err := a.feed([]byte(c.answer), 10)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}
