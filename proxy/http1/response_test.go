package http1

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// acceptedResponses are valid heads, with their differences from plainResponse.
var acceptedResponses = []struct {
	name, head string
	want       func(r *Response)
}{
	{"the least", "HTTP/1.1 200 OK\n\n", func(*Response) {}},
	{"no reason phrase", "HTTP/1.1 200 \n\n", func(r *Response) { r.Reason = "" }},
	{"no space before the missing reason phrase", "HTTP/1.1 200\n\n", func(r *Response) { r.Reason = "" }},
	{"a reason phrase of all that is allowed", "HTTP/1.1 200 a \t\xff(!)\n\n", func(r *Response) { r.Reason = "a \t\xff(!)" }},
	{"the least status", "HTTP/1.1 100 OK\n\n", func(r *Response) { r.Status = 100 }},
	{"the greatest status", "HTTP/1.1 999 OK\n\n", func(r *Response) { r.Status = 999 }},
	{"a length", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", func(r *Response) { r.ContentLength, r.HasContentLength = 5, true }},
	{"a length of nothing", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", func(r *Response) { r.ContentLength, r.HasContentLength = 0, true }},
	{"chunked", "HTTP/1.1 200 OK\nTransfer-Encoding: CHUNKED\n\n", func(r *Response) { r.Chunked = true }},
	{"close", "HTTP/1.1 200 OK\nConnection: close\n\n", func(r *Response) {
		r.KeepAlive = false
		r.Fields.Add("Connection", "close")
	}},
	{"HTTP/1.0 closes", "HTTP/1.0 200 OK\n\n", func(r *Response) { r.Minor, r.KeepAlive = 0, false }},
	{"HTTP/1.0 that is kept alive", "HTTP/1.0 200 OK\nConnection: Keep-Alive\n\n", func(r *Response) {
		r.Minor = 0
		r.Fields.Add("Connection", "Keep-Alive")
	}},
	{"HTTP/1.0 that says both closes", "HTTP/1.0 200 OK\nConnection: Keep-Alive, close\n\n", func(r *Response) {
		r.Minor, r.KeepAlive = 0, false
		r.Fields.Add("Connection", "Keep-Alive, close")
	}},
	{"an upgrade", "HTTP/1.1 101 OK\nConnection: Upgrade\nUpgrade: websocket\nTransfer-Encoding: chunked\n\n", func(r *Response) {
		r.Status, r.Upgrade, r.Chunked = 101, "websocket", true
		r.Fields = Fields{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}
	}},
	{"a 204 that declares a body is the last", "HTTP/1.1 204 OK\nContent-Length: 5\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength, r.KeepAlive = 204, 5, true, false
	}},
	{"a 204 that declares that it has none", "HTTP/1.1 204 OK\nContent-Length: 0\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength = 204, 0, true
	}},
	{"a 304 with the length of what was not sent", "HTTP/1.1 304 OK\nContent-Length: 5\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength = 304, 5, true
	}},
	{"fields that only requests have a meaning for", "HTTP/1.1 200 OK\nHost: a\nHost: b/\nExpect: x\n\n", func(r *Response) {
		r.Fields = Fields{{"Host", "a"}, {"Host", "b/"}, {"Expect", "x"}}
	}},
	{"fields in order", "HTTP/1.1 200 OK\nSet-Cookie: a\nX:\nset-cookie: b\n\n", func(r *Response) {
		r.Fields = Fields{{"Set-Cookie", "a"}, {"X", ""}, {"set-cookie", "b"}}
	}},
}

// rejectedResponses are heads that are refused.
var rejectedResponses = []struct{ name, head string }{
	{"an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
	{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"no HTTP and short", "hi\r\n"},
	{"a body without a head", "<html>\n</html>"},
	{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"},
	{"HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"},
	{"only a version", "HTTP/1.1\r\n\r\n"},
	{"no status", "HTTP/1.1 \r\n\r\n"},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"},
	{"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
	{"a status below 100", "HTTP/1.1 099 OK\r\n\r\n"},
	{"a status with a sign", "HTTP/1.1 +20 OK\r\n\r\n"},
	{"a status in hex", "HTTP/1.1 2a0 OK\r\n\r\n"},
	{"two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n"},
	{"a tab after the status", "HTTP/1.1 200\tOK\r\n\r\n"},
	{"a reason phrase without a space before it", "HTTP/1.1 200OK\r\n\r\n"},
	{"a reason phrase with NUL", "HTTP/1.1 200 O\x00K\r\n\r\n"},
	{"a reason phrase that ends in NUL, with no more after it", "HTTP/1.1 200 OK\x00"},
	{"a reason phrase with a bare CR", "HTTP/1.1 200 O\rK\r\n\r\n"},
	{"a status line with a bare LF", "HTTP/1.1 200 OK\nX: 1\r\n\r\n"},
	{"a short status line with a bare LF", "HTTP/1.1 200\n"},
	{"a folded line", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n"},
	{"a space before the colon", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n"},
	{"a bare LF in the fields", "HTTP/1.1 200 OK\r\nX: 1\nY: 2\r\n\r\n"},
	{"NUL in a value", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
	{"two equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{"two lengths in a list", "HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n"},
	{"a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"},
	{"a length with a coding", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"a coding that is not known", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
	{"a malformed coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n"},
	{"a body declared in a 103", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"},
	{"a chunked body declared in a 100", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"more fields than allowed", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: 1\r\n", MaxResponseFields+1) + "\r\n"},
	{"more connection options than allowed", "HTTP/1.1 200 OK\r\nConnection: " + strings.Repeat("a,", MaxFields) + "b\r\n\r\n"},
	{"a head that does not end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", MaxHeadBytes)},
	{"a reason phrase that does not end", "HTTP/1.1 200 " + strings.Repeat("x", MaxHeadBytes)},
}

func plainResponse() *Response {
	return &Response{Status: 200, Minor: 1, Reason: "OK", ContentLength: -1, KeepAlive: true}
}

func TestValidResponseHeadsAreParsed(t *testing.T) {
	for _, test := range acceptedResponses {
		t.Run(test.name, func(t *testing.T) {
			want := plainResponse()
			test.want(want)
			head := crlf(test.head)
			var got Response
			n, err := got.Parse(append(head, "body"...), 0)
			if n != len(head) || err != nil {
				t.Fatalf("got %d and error %v, want the length %d", n, err, len(head))
			}
			if diff := cmp.Diff(want, &got, equateEmptyFields, cmpopts.IgnoreTypes(headScan{})); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvalidResponseHeadsAreRejected(t *testing.T) {
	for _, test := range rejectedResponses {
		t.Run(test.name, func(t *testing.T) {
			n, err := new(Response).Parse([]byte(test.head), 0)
			var rejection *Error
			if !errors.As(err, &rejection) || rejection.Status != 502 || rejection.Reason == "" || n != 0 {
				t.Fatalf("got %d and error %#v, want a rejection with 502", n, err)
			}
		})
	}
}

func TestHowTheBodyOfAResponseEnds(t *testing.T) {
	tests := []struct {
		name, method, head string
		kind               BodyKind
		length             int64
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyLength, 5},
		{"a length of nothing", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", BodyNone, 0},
		{"chunked", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", BodyChunked, 0},
		{"neither a length nor chunked", "GET", "HTTP/1.1 200 OK\n\n", BodyUntilClose, 0},
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyNone, 0},
		{"HEAD with chunked", "HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", BodyNone, 0},
		{"HEAD with neither a length nor chunked", "HEAD", "HTTP/1.1 200 OK\n\n", BodyNone, 0},
		{"a method in lower case is another method", "head", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyLength, 5},
		{"103", "GET", "HTTP/1.1 103 Early Hints\n\n", BodyNone, 0},
		{"101", "GET", "HTTP/1.1 101 Switching Protocols\n\n", BodyNone, 0},
		{"204", "GET", "HTTP/1.1 204 No Content\nContent-Length: 5\n\n", BodyNone, 0},
		{"205 may have a body", "GET", "HTTP/1.1 205 Reset Content\nContent-Length: 5\n\n", BodyLength, 5},
		{"304", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", BodyNone, 0},
		{"success of CONNECT", "CONNECT", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyNone, 0},
		{"failure of CONNECT", "CONNECT", "HTTP/1.1 403 Forbidden\nContent-Length: 5\n\n", BodyLength, 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var response Response
			if _, err := response.Parse(crlf(test.head), 0); err != nil {
				t.Fatal(err)
			}
			if kind, length := response.BodyOf(test.method); kind != test.kind || length != test.length {
				t.Errorf("got %d with %d bytes, want %d with %d", kind, length, test.kind, test.length)
			}
		})
	}
}
