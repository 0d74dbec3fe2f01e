package http1

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var equateEmptyFields = cmpopts.EquateEmpty()

// parser is what Request and Response have in common.
type parser interface {
	Parse(buf []byte, from int) (n int, err error)
}

// parseInPieces parses data as it comes in pieces of that size, each into a buffer of its own, as when buffers grow. It
// returns the result of the first call that did not want more, or of the last.
func parseInPieces(p parser, data []byte, size int) (n int, err error) {
	for from := 0; ; {
		end := min(from+size, len(data))
		n, err = p.Parse(bytes.Clone(data[:end]), from)
		if err != ErrIncomplete || end == len(data) {
			return n, err
		}
		from = end
	}
}

// checkPieces parses data whole and in pieces and reports where the outcome differs. What is wrong in a head may be told
// later when it comes in pieces, but not once the head is whole.
func checkPieces(t *testing.T, whole, inPieces parser, data []byte, size int) (n int, err error) {
	t.Helper()
	n, err = whole.Parse(data, 0)
	gotN, gotErr := parseInPieces(inPieces, data, size)
	var rejection, gotRejection *Error
	if errors.As(err, &rejection) {
		if gotErr == ErrIncomplete {
			data = append(bytes.Clone(data), "\n\n"...)
			_, gotErr = inPieces.Parse(data, len(data)-2)
		}
		if !errors.As(gotErr, &gotRejection) || *gotRejection != *rejection {
			t.Fatalf("in pieces of %d: got error %v, want %v", size, gotErr, err)
		}
		return n, err
	}
	if gotN != n || gotErr != err {
		t.Fatalf("in pieces of %d: got %d and error %v, want %d and %v", size, gotN, gotErr, n, err)
	}
	if err == nil {
		if diff := cmp.Diff(whole, inPieces, equateEmptyFields); diff != "" {
			t.Fatalf("in pieces of %d (-whole +pieces):\n%s", size, diff)
		}
	}
	return n, err
}

func TestARequestInPiecesIsTheSameRequest(t *testing.T) {
	heads := [][]byte{browserRequest}
	for _, test := range acceptedRequests {
		heads = append(heads, crlf(test.head))
	}
	for _, test := range rejectedRequests {
		if len(test.head) < 1000 {
			heads = append(heads, []byte(test.head))
		}
	}
	for _, head := range heads {
		for size := 1; size <= len(head); size++ {
			checkPieces(t, new(Request), new(Request), head, size)
		}
	}
}

func TestEveryBeginningOfAValidRequestIsIncomplete(t *testing.T) {
	for _, test := range acceptedRequests {
		head := crlf(test.head)
		for length := range head {
			if n, err := new(Request).Parse(head[:length], 0); n != 0 || err != ErrIncomplete {
				t.Errorf("%s, %d of %d bytes: got %d and error %v, want ErrIncomplete", test.name, length, len(head), n, err)
			}
		}
	}
}

func TestAResponseInPiecesIsTheSameResponse(t *testing.T) {
	heads := [][]byte{originResponse}
	for _, test := range acceptedResponses {
		heads = append(heads, crlf(test.head))
	}
	for _, test := range rejectedResponses {
		if len(test.head) < 1000 {
			heads = append(heads, []byte(test.head))
		}
	}
	for _, head := range heads {
		for size := 1; size <= len(head); size++ {
			checkPieces(t, new(Response), new(Response), head, size)
		}
	}
}

func TestAHeadThatTricklesInIsParsedOnlyWhenItCanBeJudged(t *testing.T) {
	tests := []struct {
		name string
		buf  string
		from int
		want bool
	}{
		{"the first bytes", "G", 0, true},
		{"more of a line", "GET / HTTP/1.1", 5, false},
		{"a whole line", "GET / HTTP/1.1\r\nHost: a\r\n", 16, false},
		{"the empty line", "GET / HTTP/1.1\r\n\r\n", 16, true},
		{"half of the empty line was there", "GET / HTTP/1.1\r\n\r\n", 17, true},
		{"the empty line was there, which a call would have told", "GET / HTTP/1.1\r\n\r\nX", 18, false},
		{"a bare line feed", "GET / HTTP/1.1\nHost", 5, true},
		{"a line feed whose carriage return came before", "GET /\r\nX", 6, false},
		{"a line feed as the very first byte", "\n", 0, true},
		{"an empty line first", "\r\n", 1, false},
		{"as much as a head may have", string(bytes.Repeat([]byte("x"), MaxHeadBytes)), MaxHeadBytes - 1, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := worthParsing([]byte(test.buf), test.from); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
