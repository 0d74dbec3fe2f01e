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
	{"the least that HTTP/1.1 allows is accepted", "HTTP/1.1 200 OK\n\n", func(*Response) {}},
	{"a reason phrase may be missing", "HTTP/1.1 200 \n\n", func(r *Response) { r.Reason = "" }},
	{"the space before a missing reason phrase may be missing too", "HTTP/1.1 200\n\n", func(r *Response) { r.Reason = "" }},
	{"a reason phrase may hold all that is allowed", "HTTP/1.1 200 a \t\xff(!)\n\n", func(r *Response) { r.Reason = "a \t\xff(!)" }},
	{"a status may be 100", "HTTP/1.1 100 OK\n\n", func(r *Response) { r.Status = 100 }},
	{"a status may be 999", "HTTP/1.1 999 OK\n\n", func(r *Response) { r.Status = 999 }},
	{"a length is read", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", func(r *Response) { r.ContentLength, r.HasContentLength = 5, true }},
	{"a length may be 0", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", func(r *Response) { r.ContentLength, r.HasContentLength = 0, true }},
	{"chunked is read in any case", "HTTP/1.1 200 OK\nTransfer-Encoding: CHUNKED\n\n", func(r *Response) { r.Chunked = true }},
	{"close ends the connection", "HTTP/1.1 200 OK\nConnection: close\n\n", func(r *Response) {
		r.KeepAlive = false
		r.Fields.Add("Connection", "close")
	}},
	{"HTTP/1.0 closes", "HTTP/1.0 200 OK\n\n", func(r *Response) { r.Minor, r.KeepAlive = 0, false }},
	{"HTTP/1.0 may be kept alive", "HTTP/1.0 200 OK\nConnection: Keep-Alive\n\n", func(r *Response) {
		r.Minor = 0
		r.Fields.Add("Connection", "Keep-Alive")
	}},
	{"close wins over keep-alive in HTTP/1.0", "HTTP/1.0 200 OK\nConnection: Keep-Alive, close\n\n", func(r *Response) {
		r.Minor, r.KeepAlive = 0, false
		r.Fields.Add("Connection", "Keep-Alive, close")
	}},
	{"an upgrade has no body", "HTTP/1.1 101 OK\nConnection: Upgrade\nUpgrade: websocket\nTransfer-Encoding: chunked\n\n", func(r *Response) {
		r.Status, r.Upgrade, r.Chunked = 101, "websocket", true
		r.Fields = Fields{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}
	}},
	{"a 204 that declares a body is the last", "HTTP/1.1 204 OK\nContent-Length: 5\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength, r.KeepAlive = 204, 5, true, false
	}},
	{"a 204 may declare that it has no body", "HTTP/1.1 204 OK\nContent-Length: 0\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength = 204, 0, true
	}},
	{"a 304 may have the length of what was not sent", "HTTP/1.1 304 OK\nContent-Length: 5\n\n", func(r *Response) {
		r.Status, r.ContentLength, r.HasContentLength = 304, 5, true
	}},
	{"fields of requests have no meaning", "HTTP/1.1 200 OK\nHost: a\nHost: b/\nExpect: x\n\n", func(r *Response) {
		r.Fields = Fields{{"Host", "a"}, {"Host", "b/"}, {"Expect", "x"}}
	}},
	{"fields keep their order", "HTTP/1.1 200 OK\nSet-Cookie: a\nX:\nset-cookie: b\n\n", func(r *Response) {
		r.Fields = Fields{{"Set-Cookie", "a"}, {"X", ""}, {"set-cookie", "b"}}
	}},
}

// rejectedResponses are heads that are refused.
var rejectedResponses = []struct{ name, head string }{
	{"an empty line first is refused", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
	{"another protocol is refused", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"a short line of another protocol is refused", "hi\r\n"},
	{"a body without a head is refused", "<html>\n</html>"},
	{"HTTP/2 is refused", "HTTP/2.0 200 OK\r\n\r\n"},
	{"HTTP/0.9 is refused", "HTTP/0.9 200 OK\r\n\r\n"},
	{"a version by itself is refused", "HTTP/1.1\r\n\r\n"},
	{"a missing status is refused", "HTTP/1.1 \r\n\r\n"},
	{"a status of two digits is refused", "HTTP/1.1 20 OK\r\n\r\n"},
	{"a status of four digits is refused", "HTTP/1.1 2000 OK\r\n\r\n"},
	{"a status below 100 is refused", "HTTP/1.1 099 OK\r\n\r\n"},
	{"a status with a sign is refused", "HTTP/1.1 +20 OK\r\n\r\n"},
	{"a status in hex is refused", "HTTP/1.1 2a0 OK\r\n\r\n"},
	{"two spaces before the status are refused", "HTTP/1.1  200 OK\r\n\r\n"},
	{"a tab after the status is refused", "HTTP/1.1 200\tOK\r\n\r\n"},
	{"a reason phrase without a space before it is refused", "HTTP/1.1 200OK\r\n\r\n"},
	{"a reason phrase with NUL is refused", "HTTP/1.1 200 O\x00K\r\n\r\n"},
	{"a reason phrase that ends in NUL, with no more after it, is refused", "HTTP/1.1 200 OK\x00"},
	{"a reason phrase with a bare CR is refused", "HTTP/1.1 200 O\rK\r\n\r\n"},
	{"a status line with a bare LF is refused", "HTTP/1.1 200 OK\nX: 1\r\n\r\n"},
	{"a short status line with a bare LF is refused", "HTTP/1.1 200\n"},
	{"a folded line is refused", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n"},
	{"a space before the colon is refused", "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n"},
	{"a bare LF in the fields is refused", "HTTP/1.1 200 OK\r\nX: 1\nY: 2\r\n\r\n"},
	{"NUL in a value is refused", "HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n"},
	{"two lengths are refused", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
	{"two equal lengths are refused", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{"two lengths in a list are refused", "HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n"},
	{"a signed length is refused", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n"},
	{"a length with a coding is refused", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"a coding in HTTP/1.0 is refused", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"a coding that is not known is refused", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
	{"a malformed coding is refused", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n"},
	{"a body declared in a 103 is refused", "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"},
	{"a chunked body declared in a 100 is refused", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"more fields than allowed are refused", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: 1\r\n", MaxResponseFields+1) + "\r\n"},
	{"more connection options than allowed are refused", "HTTP/1.1 200 OK\r\nConnection: " + strings.Repeat("a,", MaxFields) + "b\r\n\r\n"},
	{"a head that does not end is refused", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", MaxHeadBytes)},
	{"a reason phrase that does not end is refused", "HTTP/1.1 200 " + strings.Repeat("x", MaxHeadBytes)},
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
		{"a body may have a length", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyLength, 5},
		{"a length of 0 means that there is no body", "GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", BodyNone, 0},
		{"a body may be chunked", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", BodyChunked, 0},
		{"a body without a length ends with the connection", "GET", "HTTP/1.1 200 OK\n\n", BodyUntilClose, 0},
		{"HEAD with a length has no body", "HEAD", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyNone, 0},
		{"HEAD with chunked has no body", "HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", BodyNone, 0},
		{"HEAD without a length has no body", "HEAD", "HTTP/1.1 200 OK\n\n", BodyNone, 0},
		{"a method in lower case is another method", "head", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyLength, 5},
		{"103 has no body", "GET", "HTTP/1.1 103 Early Hints\n\n", BodyNone, 0},
		{"101 has no body", "GET", "HTTP/1.1 101 Switching Protocols\n\n", BodyNone, 0},
		{"204 has no body", "GET", "HTTP/1.1 204 No Content\nContent-Length: 5\n\n", BodyNone, 0},
		{"205 may have a body", "GET", "HTTP/1.1 205 Reset Content\nContent-Length: 5\n\n", BodyLength, 5},
		{"304 has no body", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", BodyNone, 0},
		{"a success of CONNECT has no body", "CONNECT", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", BodyNone, 0},
		{"a failure of CONNECT has a body", "CONNECT", "HTTP/1.1 403 Forbidden\nContent-Length: 5\n\n", BodyLength, 5},
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
