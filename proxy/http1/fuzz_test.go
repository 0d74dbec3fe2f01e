package http1

import (
	"bytes"
	"io"
	"net/http/httputil"
	"regexp"
	"strings"
	"testing"
)

// pieceSize returns the size of pieces that a byte of the fuzzer means.
func pieceSize(size uint8) int { return int(size) + 1 }

// validFieldLine is a second implementation of the grammar of a field line in RFC 9110, sections 5.1 and 5.5.
var validFieldLine = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\u0080-\u00ff]*$")

// checkHead checks an accepted head in another way: line by line, with a regular expression.
func checkHead(t *testing.T, head []byte, startLine *regexp.Regexp, fields int) {
	t.Helper()
	// A regular expression works on runes and reads an invalid byte as U+FFFD, so each byte is converted to a rune.
	var text strings.Builder
	for _, b := range head {
		text.WriteRune(rune(b))
	}
	rest, ok := strings.CutSuffix(text.String(), "\r\n\r\n")
	lines := strings.Split(rest, "\r\n")
	if !ok || !startLine.MatchString(lines[0]) || len(lines)-1 != fields {
		t.Fatalf("accepted %q with %d field lines", head, fields)
	}
	for _, line := range lines[1:] {
		if !validFieldLine.MatchString(line) {
			t.Fatalf("accepted the field line %q", line)
		}
	}
}

func count(conditions ...bool) (n int) {
	for _, condition := range conditions {
		if condition {
			n++
		}
	}
	return n
}

// withoutEmptyLines removes the empty lines before a request.
func withoutEmptyLines(data []byte) []byte {
	for range maxEmptyLines {
		data = bytes.TrimPrefix(data, []byte("\r\n"))
	}
	return data
}

func FuzzRequest(f *testing.F) {
	for _, bareCR := range []string{"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "GET / HTTP/1.1\r\nA\rB: c\r\n\r\n", "\r\r\nGET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(bareCR), uint8(0))
	}
	for _, test := range acceptedRequests {
		f.Add(crlf(test.head), uint8(6))
	}
	for _, test := range rejectedRequests {
		if len(test.head) < 1000 {
			f.Add([]byte(test.head), uint8(0))
		}
	}
	f.Add(browserRequest, uint8(200))
	startLine := regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~\u0080-\u00ff]+ HTTP/1\\.[01]$")
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var r Request
		if len(data) < 1000 {
			checkPromptness(t, newRequestParser, data)
		}
		n, err := checkPieces(t, &r, new(Request), data, pieceSize(size))
		if err != nil {
			return
		}
		checkHead(t, withoutEmptyLines(data[:n]), startLine, len(r.Fields)+count(r.HasHost, r.HasContentLength, r.Chunked))
		if !strings.HasSuffix(r.Target, r.Authority+r.PathQuery) {
			t.Fatalf("got authority %q and path %q of target %q", r.Authority, r.PathQuery, r.Target)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, bareCR := range []string{"HTTP/1.1 200 OK\r\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\r\n", "HTTP/1.1 200 O\rK\r\n\r\n"} {
		f.Add([]byte(bareCR), uint8(0))
	}
	for _, test := range acceptedResponses {
		f.Add(crlf(test.head), uint8(6))
	}
	for _, test := range rejectedResponses {
		if len(test.head) < 1000 {
			f.Add([]byte(test.head), uint8(0))
		}
	}
	f.Add(originResponse, uint8(200))
	startLine := regexp.MustCompile("^HTTP/1\\.[01] [1-9][0-9][0-9]( [\t -~\u0080-\u00ff]*)?$")
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var r Response
		if len(data) < 1000 {
			checkPromptness(t, newResponseParser, data)
		}
		n, err := checkPieces(t, &r, new(Response), data, pieceSize(size))
		if err != nil {
			return
		}
		checkHead(t, data[:n], startLine, len(r.Fields)+count(r.HasContentLength, r.Chunked))
		checkResponse(t, data, n, &r)
	})
}

func FuzzChunked(f *testing.F) {
	for _, bareCR := range []string{"0\r\n\r\r\n", "0\r\nA: b\r\r\n\r\n", "0\r\nA: b\r\n\r\r\n"} {
		f.Add([]byte(bareCR), uint8(0))
	}
	for _, test := range acceptedBodies {
		f.Add(crlf(test.body), uint8(2))
	}
	for _, test := range rejectedBodies {
		if len(test.body) < 1000 {
			f.Add([]byte(test.body), uint8(0))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var whole, pieces ChunkedDecoder
		want, consumed, done, err := decodeInPieces(&whole, data, len(data)+1)
		got, gotConsumed, gotDone, gotErr := decodeInPieces(&pieces, data, pieceSize(size))
		if !bytes.Equal(got, want) || gotDone != done || (err == nil) != (gotErr == nil) {
			t.Fatalf("in pieces: got %q, %v and error %v, want %q, %v and %v", got, gotDone, gotErr, want, done, err)
		}
		if err != nil {
			if *err.(*Error) != *gotErr.(*Error) {
				t.Fatalf("in pieces: got error %v, want %v", gotErr, err)
			}
			return
		}
		if gotConsumed != consumed || !done && consumed != len(data) {
			t.Fatalf("in pieces: got %d bytes consumed, want %d of %d (the end: %v)", gotConsumed, consumed, len(data), done)
		}
		if !done {
			return
		}
		if theirs, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(data))); err != nil || !bytes.Equal(theirs, want) {
			t.Fatalf("net/http: got %q and error %v, want %q", theirs, err, want)
		}
		// Encoding the data again must give the same body, and nothing more.
		var out []byte
		if len(want) > 0 {
			out = AppendChunkEnd(append(AppendChunkHead(out, len(want)), want...))
		}
		out = AppendLastChunk(out, whole.Trailers())
		if len(out) > MaxTrailerBytes {
			return // the trailers, written with a space after each colon, may be too large
		}
		pieces.Reset()
		again, n, done, err := decodeInPieces(&pieces, out, pieceSize(size))
		if !bytes.Equal(again, want) || n != len(out) || !done || err != nil {
			t.Fatalf("written again: got %q, %d of %d, %v and error %v, want %q", again, n, len(out), done, err, want)
		}
		if a, b := AppendFields(nil, whole.Trailers()), AppendFields(nil, pieces.Trailers()); !bytes.Equal(a, b) {
			t.Fatalf("written again: got trailers %q, want %q", b, a)
		}
	})
}
