package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readerSize is larger than any input, so that net/http does not consider a trailer section suspiciously long.
const readerSize = 1 << 20

// message is the content of a complete request, in terms that both parsers share.
type message struct {
	Method, Target, Host string
	Minor                int
	Length               int64
	Chunked              bool
	Fields               http.Header
	Body                 string
	Trailers             http.Header
	// Whole reports whether the body is complete.
	Whole bool
}

// headerOf converts fields to net/http's map.
func headerOf(fields Fields) http.Header {
	header := http.Header{}
	for _, field := range fields {
		header.Add(field.Name, field.Value)
	}
	return header
}

// readOwn parses a request and its body with this package. It returns their length in bytes and the trailers. rejected
// reports whether the head or the body was refused. In that case the result of net/http does not matter.
func readOwn(r *Request, data []byte) (m message, n int, trailers Fields, rejected bool) {
	n, err := r.Parse(data, 0)
	if err != nil {
		return message{}, 0, nil, true
	}
	m = message{
		Method: r.Method, Target: r.Target, Host: r.Host, Minor: r.Minor, Length: r.ContentLength, Chunked: r.Chunked,
		Fields: headerOf(r.Fields),
	}
	if r.Authority != "" {
		m.Host = r.Authority
	}
	body, size, trailers, whole, err := readOwnBody(data[n:], r.ContentLength, r.Chunked)
	m.Body, m.Whole = string(body), whole
	if whole {
		m.Trailers = headerOf(trailers)
	}
	return m, n + size, trailers, err != nil
}

func readOwnBody(data []byte, length int64, chunked bool) (body []byte, n int, trailers Fields, whole bool, err error) {
	if chunked {
		var decoder ChunkedDecoder
		body, n, whole, err = decodeInPieces(&decoder, data, len(data)+1)
		return body, n, decoder.Trailers(), whole, err
	}
	n = int(min(length, int64(len(data))))
	return data[:n], n, nil, int64(n) == length, nil
}

// readTheirs parses a request and its body with net/http, and returns how many bytes it leaves unread.
func readTheirs(t *testing.T, data []byte) (m message, rest int) {
	t.Helper()
	reader := bufio.NewReaderSize(bytes.NewReader(data), readerSize)
	r, err := http.ReadRequest(reader)
	if err != nil {
		t.Fatalf("net/http rejects %q: %v", data, err)
	}
	m = message{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Minor: r.ProtoMinor, Length: r.ContentLength,
		Chunked: len(r.TransferEncoding) > 0, Fields: r.Header,
	}
	if m.Body, m.Whole = readBody(r.Body); m.Whole {
		m.Trailers = withoutAnnounced(r.Trailer)
	}
	left, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return m, len(left)
}

// readBody reads a body through net/http. After an error of any kind the body is not whole. For a truncated trailer
// section, net/http returns a different error.
func readBody(reader io.Reader) (body string, whole bool) {
	bytes, err := io.ReadAll(reader)
	return string(bytes), err == nil
}

// withoutAnnounced removes the trailers that were announced but did not arrive.
func withoutAnnounced(trailers http.Header) http.Header {
	came := http.Header{}
	for name, values := range trailers {
		if len(values) > 0 {
			came[name] = values
		}
	}
	return came
}

// levelHeader compensates for what net/http does to header fields besides reading them: it adds a Cache-Control for a
// Pragma, sometimes keeps Content-Length and Host among them, and removes the Trailer field of a chunked message.
func levelHeader(ours, theirs http.Header, chunked bool) {
	if pragma := ours["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && ours["Cache-Control"] == nil {
		delete(theirs, "Cache-Control")
	}
	if chunked {
		ours.Del("Trailer")
	}
	theirs.Del("Content-Length")
	theirs.Del("Host")
}

// FuzzDifferential checks that net/http reads what this package accepts in the same way, and that both read the
// forwarded bytes as the same request with nothing after it.
func FuzzDifferential(f *testing.F) {
	for _, test := range acceptedRequests {
		f.Add(append(crlf(test.head), "seven ."...))
	}
	for _, test := range acceptedBodies {
		f.Add(append(crlf("POST /x HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n"), crlf(test.body)...))
	}
	for _, test := range rejectedBodies {
		if len(test.body) < 1000 {
			f.Add(append(crlf("POST /x HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"), test.body...))
		}
	}
	f.Add(browserRequest)
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Request
		ours, n, trailers, rejected := readOwn(&r, data)
		if rejected {
			return
		}
		// net/http's reader leaves the empty lines before a request to its server.
		theirs, rest := readTheirs(t, withoutEmptyLines(data))
		levelHeader(ours.Fields, theirs.Fields, ours.Chunked)
		if diff := cmp.Diff(ours, theirs, equateEmptyFields); diff != "" {
			t.Fatalf("net/http reads %q differently (-ours +theirs):\n%s", data, diff)
		}
		if ours.Whole && rest != len(data)-n {
			t.Fatalf("net/http leaves %d bytes of %q, want %d", rest, data, len(data)-n)
		}
		if ours.Whole {
			checkSentOn(t, &r, ours, trailers)
		}
	})
}

// checkSentOn writes a request as it is sent upstream, and reads it back with both parsers.
func checkSentOn(t *testing.T, r *Request, want message, trailers Fields) {
	t.Helper()
	target := string(r.AppendTarget(nil))
	out := AppendRequestLine(nil, r.Method, target)
	out = AppendField(out, "Host", want.Host)
	switch {
	case r.Chunked:
		out = AppendField(out, "Transfer-Encoding", "chunked")
	case r.HasContentLength:
		out = AppendField(out, "Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	out = AppendFields(out, r.Fields)
	out = AppendChunkEnd(out)
	head := len(out)
	if r.Chunked {
		if want.Body != "" {
			out = AppendChunkEnd(append(AppendChunkHead(out, len(want.Body)), want.Body...))
		}
		out = AppendLastChunk(out, trailers)
	} else {
		out = append(out, want.Body...)
	}
	if head > MaxHeadBytes || len(r.Fields) > MaxFields-2 || len(AppendFields(nil, trailers)) > MaxTrailerBytes-2 {
		return // the added spaces and framing lines may exceed a bound
	}
	want.Target, want.Minor = target, 1

	var again Request
	got, n, _, rejected := readOwn(&again, out)
	if rejected || n != len(out) {
		t.Fatalf("sent on as %q: read to %d of %d, rejected: %v", out, n, len(out), rejected)
	}
	theirs, rest := readTheirs(t, out)
	levelHeader(got.Fields, theirs.Fields, got.Chunked)
	if diff := cmp.Diff(want, got, equateEmptyFields); diff != "" {
		t.Fatalf("sent on as %q (-want +got):\n%s", out, diff)
	}
	if diff := cmp.Diff(want, theirs, equateEmptyFields); diff != "" || rest != 0 {
		t.Fatalf("sent on as %q, net/http leaves %d bytes and reads (-want +got):\n%s", out, rest, diff)
	}
}

// checkResponse checks that net/http understands an accepted response in the same way.
func checkResponse(t *testing.T, data []byte, n int, r *Response) {
	t.Helper()
	reader := bufio.NewReaderSize(bytes.NewReader(data), readerSize)
	theirs, err := http.ReadResponse(reader, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatalf("net/http rejects %q: %v", data, err)
	}
	if theirs.StatusCode != r.Status || theirs.ProtoMinor != r.Minor || (len(theirs.TransferEncoding) > 0) != r.Chunked {
		t.Fatalf("net/http reads %q as %d, HTTP/1.%d, %q", data, theirs.StatusCode, theirs.ProtoMinor, theirs.TransferEncoding)
	}
	header := headerOf(r.Fields)
	levelHeader(header, theirs.Header, r.Chunked)
	// net/http removes `Connection: close`.
	for _, name := range []string{"Host", "Connection"} {
		theirs.Header.Del(name)
		header.Del(name)
	}
	if diff := cmp.Diff(header, theirs.Header, equateEmptyFields); diff != "" {
		t.Fatalf("net/http reads %q differently (-ours +theirs):\n%s", data, diff)
	}
	kind, length := r.BodyOf("GET")
	if kind == BodyUntilClose {
		return
	}
	body, _, _, whole, err := readOwnBody(data[n:], length, kind == BodyChunked)
	if err != nil {
		return
	}
	theirBody, theirWhole := readBody(theirs.Body)
	if string(body) != theirBody || whole != theirWhole {
		t.Fatalf("net/http reads the body of %q as %q (whole: %v), want %q (whole: %v)", data, theirBody, theirWhole, body, whole)
	}
}
