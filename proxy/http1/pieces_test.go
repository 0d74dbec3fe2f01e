package http1

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var equateEmptyFields = cmpopts.EquateEmpty()

// parser is what Request and Response have in common.
type parser interface {
	Parse(buf []byte, from int) (n int, err error)
}

// parseInPieces parses data that arrives in pieces of the given size, each time in a new buffer, as when buffers grow.
// It returns the result of the first call that needs no more data, or else of the last call.
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

// checkPieces parses data whole and in pieces and reports differences. A fault in a head that comes in pieces may be
// reported later, but not after the head is complete.
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
		if diff := cmp.Diff(whole, inPieces, equateEmptyFields, cmpopts.IgnoreTypes(headScan{})); diff != "" {
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

// meanings are the reasons for refusing a head whose lines are well-formed. In pieces they may be reported only when
// the head is complete.
var meanings = map[string]bool{
	"several Content-Length": true, "several Transfer-Encoding": true, "several Host": true, "no Host": true, "malformed Host": true,
	"malformed Content-Length": true, "malformed Transfer-Encoding": true, "unknown transfer coding": true,
	"Content-Length with Transfer-Encoding": true, "Transfer-Encoding in HTTP/1.0": true, "forbidden name in Trailer": true,
	"too many options in Connection": true, "body declared in a 1xx response": true,
}

// checkPromptness parses prefixes of data, each a byte longer than the last. A byte that no head can contain must be
// refused when it arrives, even if an earlier call has seen all bytes before it.
func checkPromptness(t *testing.T, fresh func() parser, data []byte) {
	t.Helper()
	inPieces := fresh()
	for end := 1; end <= len(data); end++ {
		_, wantErr := fresh().Parse(data[:end], 0)
		_, err := inPieces.Parse(data[:end], end-1)
		var want, got *Error
		if errors.As(wantErr, &want) && meanings[want.Reason] {
			return
		}
		errors.As(err, &got)
		if (want == nil) != (got == nil) || want != nil && *want != *got {
			t.Fatalf("%q came byte by byte: got error %v, want %v, at the last byte", data[:end], err, wantErr)
		}
		if wantErr != ErrIncomplete {
			return
		}
	}
}

func newRequestParser() parser  { return new(Request) }
func newResponseParser() parser { return new(Response) }

func TestAnInvalidHeadIsRefusedAtItsFirstWrongByte(t *testing.T) {
	for _, test := range []struct {
		name  string
		fresh func() parser
		heads []string
	}{
		{"requests", newRequestParser, []string{
			"\r\r\n", "\r\n\r\r\n", strings.Repeat("\r\n", maxEmptyLines+1), "GET / HTTP/1.1\r\r\n", "GET / HTTP/1.1\r\nHost: a\r\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
			"GET / HTTP/1.1\r\nHost: a\rb", "GET / HTTP/1.1\r\nHo\rst: a", "GET\r / HTTP/1.1", "GET /\r", "GET / HTTP/1.1\rHost", "GET / HTTP/1.1 \r\n",
			"GET / HTTP/1.1\r\nHost: a\r\n b", "GET / HTTP/1.1\r\nHost : a", "GET / HTTP/1.1\r\n: a", "GET / HTTP/1.1\r\nHost\r\n", "GET / HTTP/1.1\r\nHost: a\x00",
			"GET  /", " GET", "G(T /", "GET / HTTQ", "GET / http/1.1", "GET / HTTP/2.0", "GET / HTTP/1.10", "GET / HTTP/1.1\n", "GET foo HTTP/1.1\r\n",
			strings.Repeat("x", MaxMethodBytes+1), "GET /" + strings.Repeat("x", MaxTargetBytes) + " ",
			"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", MaxFields+1),
		}},
		{"responses", newResponseParser, []string{
			"\r\n", "HTTP/1.1 200 OK\r\r\n", "HTTP/1.1 200 OK\r\n\r\r\n", "HTTP/1.1 200 OK\r\nA: b\r\r\n", "HTTP/1.1 200 O\rK", "HTTP/1.1\r\n", "HTTP/1.1  200", "HTTP/1.1 2x0",
			"HTTP/1.1 099", "HTTP/1.1 2000", "HTTP/1.1 200\n", "HTTP/3.1", "SSH-2.0-x\r\n", "220 ready\r\n",
			"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", MaxResponseFields+1),
		}},
	} {
		for _, head := range test.heads {
			_, err := test.fresh().Parse([]byte(head), 0)
			if err == nil || err == ErrIncomplete {
				t.Errorf("%s: %.60q is not refused: %v", test.name, head, err)
			}
			checkPromptness(t, test.fresh, []byte(head))
		}
	}
}

// A trailer section has the same grammar as the fields of a head, and clients wait for an answer to it in the same way.
func TestAnInvalidTrailerIsRefusedAtItsFirstWrongByte(t *testing.T) {
	for _, section := range []string{"\r\r\n", "\rx", "A: b\r\r\n", "A: b\rc", "A b", " A: b", "A\r\n", "A: b\r\n c", "A: b\x00", "A: b\n", "A: b\r\n\r\r\n",
		strings.Repeat("A: b\r\n", MaxFields+1)} {
		var pieces ChunkedDecoder
		data := []byte("0\r\n" + section)
		refused := false
		for end := 1; end <= len(data) && !refused; end++ {
			var whole ChunkedDecoder
			_, _, done, wantErr := whole.Decode(data[:end])
			_, _, _, err := pieces.Decode(data[end-1 : end])
			if refused = wantErr != nil; done || refused != (err != nil) {
				t.Errorf("%q came byte by byte: got error %v, want %v, at byte %d; the end: %v", data, err, wantErr, end, done)
				break
			}
		}
		if !refused {
			t.Errorf("%q is not refused", section)
		}
	}
}

// The cost of a head does not grow with the number of its pieces, because each byte is scanned only a few times.
func TestAHeadThatTricklesInIsScannedOnce(t *testing.T) {
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 60<<10), "GET / HTTP/1.1\r\n" + strings.Repeat("x", 60<<10), "GET /" + strings.Repeat("x", 30<<10),
		"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", MaxFields-1),
	} {
		s := newRequestScan()
		looked := 0
		for end := 1; end <= len(head); end++ {
			at := s.at
			if found := s.look([]byte(head[:end])); found >= headAtFault {
				t.Fatalf("%.40q: refused at byte %d", head, end)
			}
			looked += s.at - at
		}
		if looked != len(head) {
			t.Errorf("%.40q: scanned %d bytes of %d", head, looked, len(head))
		}
	}
}
