package http1

import (
	"math"
	"net/http"
	"testing"
)

func TestAppend(t *testing.T) {
	fields := Fields{{"A", "b"}, {"C", ""}}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"a request line is written", AppendRequestLine([]byte("<"), "GET", "/x?y"), "<GET /x?y HTTP/1.1\r\n"},
		{"a field is written", AppendField([]byte("<"), "A", "b"), "<A: b\r\n"},
		{"fields are written", AppendFields([]byte("<"), fields), "<A: b\r\nC: \r\n"},
		{"the number 0 is written", AppendInt([]byte("<"), 0), "<0"},
		{"the largest number is written", AppendInt([]byte("<"), math.MaxInt64), "<9223372036854775807"},
		{"a status line is written", AppendStatusLine([]byte("<"), 200, ""), "<HTTP/1.1 200 OK\r\n"},
		{"a 413 has the name that it had before", AppendStatusLine(nil, 413, ""), "HTTP/1.1 413 Payload Too Large\r\n"},
		{"an unknown status has no name", AppendStatusLine(nil, 999, ""), "HTTP/1.1 999 \r\n"},
		{"a given reason is written", AppendStatusLine([]byte("<"), 299, "Fine"), "<HTTP/1.1 299 Fine\r\n"},
		{"a chunk head is written", AppendChunkHead([]byte("<"), 0xabc), "<abc\r\n"},
		{"a chunk end is written", AppendChunkEnd([]byte("<")), "<\r\n"},
		{"a last chunk is written", AppendLastChunk([]byte("<"), nil), "<0\r\n\r\n"},
		{"a last chunk with trailers is written", AppendLastChunk([]byte("<"), fields), "<0\r\nA: b\r\nC: \r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if string(test.got) != test.want {
				t.Errorf("got %q, want %q", test.got, test.want)
			}
		})
	}
}

func TestReasonsAreThoseOfTheRegistry(t *testing.T) {
	// net/http uses the names of older standards for these statuses.
	own := map[int]string{413: "Payload Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
	for status := 0; status < 1000; status++ {
		want, ok := own[status]
		if !ok {
			want = http.StatusText(status)
		}
		if got := Reason(status); got != want {
			t.Errorf("%d: got %q, want %q", status, got, want)
		}
	}
}
