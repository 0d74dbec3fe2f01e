package http1

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decodeInPieces decodes a body that comes in pieces of the given size. It returns the data, how many bytes were consumed,
// whether the end was reached, and the error.
func decodeInPieces(d *ChunkedDecoder, body []byte, size int) (data []byte, consumed int, done bool, err error) {
	for consumed < len(body) {
		piece := bytes.Clone(body[consumed:min(consumed+size, len(body))])
		for len(piece) > 0 {
			var part []byte
			var n int
			part, n, done, err = d.Decode(piece)
			data = append(data, part...)
			consumed += n
			if done || err != nil {
				return data, consumed, done, err
			}
			piece = piece[n:]
		}
	}
	return data, consumed, false, nil
}

var acceptedBodies = []struct {
	name, body, data string
	trailers         Fields
}{
	{"an empty body is decoded", "0\n\n", "", nil},
	{"one chunk is decoded", "5\nhello\n0\n\n", "hello", nil},
	{"several chunks are decoded", "5\nhello\n1\n,\n6\n world\n0\n\n", "hello, world", nil},
	{"hexadecimal digits may have either case", "a\n0123456789\nB\n0123456789a\n0\n\n", "01234567890123456789a", nil},
	{"zeros in front of a size are skipped", "0005\nhello\n000\n\n", "hello", nil},
	{"as many digits as allowed are read", "0000000000000005\nhello\n0000000000000000\n\n", "hello", nil},
	{"an extension is decoded", "5;x\nhello\n0;y\n\n", "hello", nil},
	{"an extension with a value is decoded", "5;x=y\nhello\n0\n\n", "hello", nil},
	{"an extension with a quoted value is decoded", "5;x=\"; \\\" \\\\ =\x80\t\"\nhello\n0\n\n", "hello", nil},
	{"several extensions are decoded", "5;x;y=z;w=\"\";v\nhello\n0\n\n", "hello", nil},
	{"white space between the parts of extensions is skipped", "5; \tx = y ; z ; w=\"a\" ;v\nhello\n0\n\n", "hello", nil},
	{"a line as long as allowed is read", "5;" + strings.Repeat("x", MaxChunkLineBytes-4) + "\nhello\n0\n\n", "hello", nil},
	{"data that looks like framing is data", "9\n\n0\n\n\n\n0\n\n", "\r\n0\r\n\r\n\r\n", nil},
	{"a trailer is decoded", "0\nX-Sum: 1\n\n", "", Fields{{"X-Sum", "1"}}},
	{"several trailers are decoded", "1\nx\n0\nX-Sum:  1 \nx-other:\n\n", "x", Fields{{"X-Sum", "1"}, {"x-other", ""}}},
}

func TestAValidChunkedBodyIsDecodedInPiecesOfAnySize(t *testing.T) {
	for _, test := range acceptedBodies {
		t.Run(test.name, func(t *testing.T) {
			body := crlf(test.body)
			stream := append(bytes.Clone(body), "GET / HTTP/1.1"...)
			for size := 1; size <= len(stream); size++ {
				var decoder ChunkedDecoder
				data, consumed, done, err := decodeInPieces(&decoder, stream, size)
				if string(data) != test.data || consumed != len(body) || !done || err != nil {
					t.Fatalf("in pieces of %d: got %q, %d, %v and error %v, want %q, %d and the end",
						size, data, consumed, done, err, test.data, len(body))
				}
				if diff := cmp.Diff(test.trailers, decoder.Trailers(), equateEmptyFields); diff != "" {
					t.Fatalf("in pieces of %d: trailers (-want +got):\n%s", size, diff)
				}
			}
			for length := range body {
				var decoder ChunkedDecoder
				if _, consumed, done, err := decodeInPieces(&decoder, body[:length], len(body)); consumed != length || done || err != nil {
					t.Errorf("%d of %d bytes: got %d, %v and error %v, want everything consumed and no end", length, len(body), consumed, done, err)
				}
			}
		})
	}
}

var rejectedBodies = []struct {
	name   string
	status int
	body   string
	data   string
}{
	{"an empty size is refused", 400, "\r\n", ""},
	{"a size that is not hex is refused", 400, "g\r\n", ""},
	{"a signed size is refused", 400, "+5\r\nhello\r\n", ""},
	{"a negative size is refused", 400, "-5\r\n", ""},
	{"a size with a prefix is refused", 400, "0x5\r\nhello\r\n", ""},
	{"a size with an underscore is refused", 400, "1_0\r\n", ""},
	{"a size that is too large is refused", 400, "10000000000000000\r\n", ""},
	{"a size that no length can have is refused", 400, "8000000000000000\r\nhello", ""},
	{"a size whose double no length can have is refused", 400, "4000000000000000\r\nhello", ""},
	{"a size of too many digits is refused", 400, "00000000000000005\r\nhello\r\n", ""},
	{"a space before the size is refused", 400, " 5\r\nhello\r\n", ""},
	{"a space after the size is refused", 400, "5 \r\nhello\r\n", ""},
	{"a space between the size and an extension is refused", 400, "5 ;x\r\nhello\r\n", ""},
	{"a bare LF after the size is refused", 400, "5\nhello\r\n", ""},
	{"a bare CR after the size is refused", 400, "5\rhello\r\n", ""},
	{"NUL after the size is refused", 400, "5\x00\r\nhello\r\n", ""},
	{"a chunk longer than its size is refused", 400, "5\r\nhello!\r\n0\r\n\r\n", "hello"},
	{"a bare LF after the data is refused", 400, "5\r\nhello\n0\r\n\r\n", "hello"},
	{"a bare CR after the data is refused", 400, "5\r\nhello\r0\r\n\r\n", "hello"},
	{"a chunk shorter than its size is refused", 400, "7\r\nhello\r\n0\r\n\r\n", "hello\r\n"},
	{"an extension without a name is refused", 400, "5;\r\nhello\r\n", ""},
	{"an extension that is only spaces is refused", 400, "5; \r\nhello\r\n", ""},
	{"an extension without a name before its value is refused", 400, "5;=x\r\nhello\r\n", ""},
	{"an extension without a value is refused", 400, "5;x=\r\nhello\r\n", ""},
	{"an extension without a value before the next is refused", 400, "5;x=;y\r\nhello\r\n", ""},
	{"an extension of two words is refused", 400, "5;x y\r\nhello\r\n", ""},
	{"an extension of two words and a value is refused", 400, "5;x y=z\r\nhello\r\n", ""},
	{"an escaped control in a quoted value is refused", 400, "5;x=\"\\\x01\"\r\nhello\r\n", ""},
	{"a value of two words is refused", 400, "5;x=y z\r\nhello\r\n", ""},
	{"bytes after a quoted value are refused", 400, "5;x=\"y\"z\r\nhello\r\n", ""},
	{"a quoted value that does not end is refused", 400, "5;x=\"y\r\nhello\r\n", ""},
	{"an escaped CR in a quoted value is refused", 400, "5;x=\"\\\r\nhello\r\n", ""},
	{"white space after an extension is refused", 400, "5;x \r\nhello\r\n", ""},
	{"white space after a value is refused", 400, "5;x=y \r\nhello\r\n", ""},
	{"a bare LF after an extension is refused", 400, "5;x\nhello\r\n", ""},
	{"a bare LF after a value is refused", 400, "5;x=y\nhello\r\n", ""},
	{"a control in an extension is refused", 400, "5;x=\"\x01\"\r\nhello\r\n", ""},
	{"an extension that is too long is refused", 400, "5;" + strings.Repeat("x", MaxChunkLineBytes-3) + "\r\nhello\r\n", ""},
	{"an extension that does not end is refused", 400, "5;" + strings.Repeat("x", MaxChunkLineBytes), ""},
	{"long extensions on many small chunks are refused", 400, strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\na\r\n", 100), strings.Repeat("a", 88)},
	{"a length in the trailers is refused", 400, "0\r\nContent-Length: 5\r\n\r\n", ""},
	{"a coding in the trailers is refused", 400, "0\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
	{"a Host in the trailers is refused", 400, "0\r\nhost: b\r\n\r\n", ""},
	{"an announcement in the trailers is refused", 400, "0\r\nTrailer: X\r\n\r\n", ""},
	{"a bare LF in the trailers is refused", 400, "0\r\nX: 1\nY: 2\r\n\r\n", ""},
	{"a bare LF in the trailers before they are complete is refused", 400, "0\r\nX: 1\n", ""},
	{"a bare LF in place of the last line is refused", 400, "0\r\n\n", ""},
	{"a bare CR in place of the last line is refused", 400, "0\r\n\rX\r\n\r\n", ""},
	{"a folded trailer is refused", 400, "0\r\nX: 1\r\n 2\r\n\r\n", ""},
	{"a space before the colon of a trailer is refused", 400, "0\r\nX : 1\r\n\r\n", ""},
	{"NUL in a trailer is refused", 400, "0\r\nX: \x00\r\n\r\n", ""},
	{"another request in place of the trailers is refused", 400, "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
	{"too many trailers are refused", 431, "0\r\n" + strings.Repeat("X: 1\r\n", MaxFields+1) + "\r\n", ""},
	{"trailers without an end are refused", 431, "0\r\nX: " + strings.Repeat("x", MaxTrailerBytes), ""},
}

func TestInvalidChunkedBodiesAreRejected(t *testing.T) {
	for _, test := range rejectedBodies {
		t.Run(test.name, func(t *testing.T) {
			for size := 1; size <= len(test.body); size++ {
				if size > 100 && size < len(test.body) {
					continue
				}
				var decoder ChunkedDecoder
				data, _, done, err := decodeInPieces(&decoder, []byte(test.body), size)
				var rejection *Error
				if !errors.As(err, &rejection) || rejection.Status != test.status || done || string(data) != test.data {
					t.Fatalf("in pieces of %d: got %q, %v and error %#v, want %q and a rejection with %d",
						size, data, done, err, test.data, test.status)
				}
				if _, n, done, again := decoder.Decode([]byte("0\r\n\r\n")); n != 0 || done || again != err {
					t.Fatalf("after a rejection: got %d, %v and error %v, want the same error", n, done, again)
				}
			}
		})
	}
}

func TestExtensionsInProportionToTheDataAreAllowed(t *testing.T) {
	var body []byte
	for range 10_000 {
		body = append(body, "64;signature=0123456789abcdef0123456789abcdef\r\n"...)
		body = append(body, bytes.Repeat([]byte("x"), 100)...)
		body = AppendChunkEnd(body)
	}
	body = AppendLastChunk(body, nil)
	var decoder ChunkedDecoder
	if data, _, done, err := decodeInPieces(&decoder, body, 4096); len(data) != 1_000_000 || !done || err != nil {
		t.Errorf("got %d bytes, %v and error %v, want 1000000 and the end", len(data), done, err)
	}
}

func TestTheLargestChunkIsHalfOfTheLargestLength(t *testing.T) {
	var decoder ChunkedDecoder
	data, _, done, err := decodeInPieces(&decoder, []byte("3fffffffffffffff\r\nhello"), 100)
	if string(data) != "hello" || done || err != nil {
		t.Errorf("got %q, %v and error %v, want the data so far", data, done, err)
	}
}

func TestALargeChunkMakesUpForExtensions(t *testing.T) {
	small := []byte(strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\na\r\n", 80))
	large := AppendChunkEnd(append(AppendChunkHead(nil, 100_000), bytes.Repeat([]byte("x"), 100_000)...))
	var body []byte
	for range 3 {
		body = append(append(body, small...), large...)
	}
	var decoder ChunkedDecoder
	if data, _, _, err := decodeInPieces(&decoder, body, 4096); len(data) != 300_240 || err != nil {
		t.Errorf("got %d bytes and error %v, want 300240", len(data), err)
	}
}

func TestADecoderIsUsedAgain(t *testing.T) {
	var decoder ChunkedDecoder
	for range 2 {
		data, _, done, err := decodeInPieces(&decoder, crlf("1\nx\n0\nX: 1\n\n"), 3)
		if string(data) != "x" || !done || err != nil || len(decoder.Trailers()) != 1 {
			t.Fatalf("got %q, %v, error %v and %d trailers, want the same each time", data, done, err, len(decoder.Trailers()))
		}
		decoder.Reset()
	}
	if _, _, _, err := decoder.Decode([]byte("x")); err == nil {
		t.Fatal("got no error for a bad size")
	}
	decoder.Reset()
	if _, _, done, err := decoder.Decode([]byte("0\r\n\r\n")); !done || err != nil {
		t.Errorf("after a rejection and Reset: got %v and error %v, want the end", done, err)
	}
	if data, n, done, err := decoder.Decode([]byte("0\r\n\r\n")); len(data) != 0 || n != 0 || !done || err != nil {
		t.Errorf("after the end: got %q, %d, %v and error %v, want the end again and nothing consumed", data, n, done, err)
	}
}

func TestTheEndIsReportedWithTheLastData(t *testing.T) {
	var decoder ChunkedDecoder
	data, n, done, err := decoder.Decode([]byte("5\r\nhello\r\n0\r\n\r\nX"))
	if string(data) != "hello" || n != 15 || !done || err != nil {
		t.Errorf("got %q, %d, %v and error %v, want all in one call", data, n, done, err)
	}
	if cap(data) != len(data) {
		t.Errorf("got data with room for %d more bytes, want none: appending would overwrite what follows", cap(data)-len(data))
	}
}
