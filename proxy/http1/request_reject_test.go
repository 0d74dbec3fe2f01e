package http1

import (
	"errors"
	"strings"
	"testing"
)

// rejectedRequests are heads that are refused, byte for byte, with the status of the answer.
var rejectedRequests = []struct {
	name   string
	status int
	head   string
}{
	{"a TLS hello is refused", 400, "\x16\x03\x01\x02\x00\x01\x00"},
	{"a line feed first is refused", 400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a lone carriage return first is refused", 400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"too many empty lines before it are refused", 400, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space first is refused", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},

	{"a missing method is refused", 400, "/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a method that is not a token is refused", 400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a method with a byte beyond ASCII is refused", 400, "G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a method that is too long is not implemented", 501, strings.Repeat("M", MaxMethodBytes+1) + " / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a tab after the method is refused", 400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"two spaces after the method are refused", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"two spaces after the target are refused", 400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a tab after the target is refused", 400, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a space after the version is refused", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},

	{"HTTP/0.9 is refused", 400, "GET /\r\n"},
	{"a missing version is refused", 400, "GET / \r\n\r\n"},
	{"a short version is refused", 400, "GET / HTTP/1\r\nHost: a\r\n\r\n"},
	{"a long version is refused", 400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
	{"a version in lower case is refused", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
	{"a version of another protocol is refused", 400, "GET / ICY/1.1\r\nHost: a\r\n\r\n"},
	{"HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
	{"HTTP/0.9 in words is not supported", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
	{"the preface of HTTP/2 is not supported", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"a bare LF after the version is refused", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
	{"a bare CR after the version is refused", 400, "GET / HTTP/1.1\rHost: a\r\n\r\n"},
	{"NUL after the version is refused", 400, "GET / HTTP/1.1\x00\r\nHost: a\r\n\r\n"},

	{"a target with NUL is refused", 400, "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with DEL is refused", 400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with CR is refused", 400, "GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with LF is refused", 400, "GET /\nx HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with a space is refused", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target that is relative is refused", 400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target that is a query is refused", 400, "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with a fragment is refused", 400, "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target with a fragment after its query is refused", 400, "GET /x?y#z HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a path with a lone percent sign is refused", 400, "GET /100% HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a path with half an encoded byte is refused", 400, "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a path with an encoded byte that is not hex is refused", 400, "GET /%2g HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a path with an encoded byte whose first digit is not hex is refused", 400, "GET /%g2 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"the asterisk with GET is refused", 400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"more than the asterisk is refused", 400, "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form of another scheme is refused", 400, "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form without host is refused", 400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form that is only a scheme is refused", 400, "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form with user information is refused", 400, "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form with a fragment after the host is refused", 400, "GET http://b#x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form with a bad port is refused", 400, "GET http://b:x/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form with a backslash in its host is refused", 400, "GET http://b\\c/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form with a byte beyond ASCII in its host is refused", 400, "GET http://b\xfcc/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"an absolute-form without a Host line is refused", 400, "GET http://b/ HTTP/1.1\r\n\r\n"},
	{"authority-form without CONNECT is refused", 400, "GET b:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT with a path is refused", 400, "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT without a port is refused", 400, "CONNECT b HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT to a number without a port is refused", 400, "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT with an empty port is refused", 400, "CONNECT b: HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT with an absolute-form is refused", 400, "CONNECT http://b:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"CONNECT to an address without a port is refused", 400, "CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target that is too long is refused", 414, "GET /" + strings.Repeat("x", MaxTargetBytes) + " HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"a target that does not end is refused", 414, "GET /" + strings.Repeat("x", MaxHeadBytes)},

	{"a missing Host in HTTP/1.1 is refused", 400, "GET / HTTP/1.1\r\n\r\n"},
	{"two Hosts are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{"two equal Hosts are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
	{"two Hosts in HTTP/1.0 are refused", 400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
	{"a Host with a path is refused", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"a Host with user information is refused", 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
	{"a Host with a space is refused", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
	{"a Host that is a list of two is refused", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
	{"a Host that is only a port is refused", 400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"},
	{"a Host with a port that is too large is refused", 400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
	{"a Host with a long port is refused", 400, "GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n"},
	{"a Host with two ports is refused", 400, "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
	{"a Host with a signed port is refused", 400, "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n"},
	{"a Host with an address without brackets is refused", 400, "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"},
	{"a Host with an open bracket is refused", 400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
	{"a Host with bytes after the bracket is refused", 400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"},
	{"a Host with an empty bracket is refused", 400, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"},
	{"a Host with a name in brackets is refused", 400, "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n"},
	{"a Host with an IPv4 address in brackets is refused", 400, "GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n"},
	{"a Host with a zone that is not encoded is refused", 400, "GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n"},
	{"a Host with a zone is refused", 400, "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"},
	{"a Host with an encoded byte is refused", 400, "GET / HTTP/1.1\r\nHost: %61\r\n\r\n"},
	{"a Host with a byte beyond ASCII is refused", 400, "GET / HTTP/1.1\r\nHost: \xc3\xbc\r\n\r\n"},
	{"a Host with brackets in it is refused", 400, "GET / HTTP/1.1\r\nHost: a[b]\r\n\r\n"},
	{"an invalid Host next to an absolute-form is refused", 400, "GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n"},

	{"a line folded by a space is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"},
	{"a line folded by a tab is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n"},
	{"white space before the first line is refused", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	{"a space before the colon is refused", 400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	{"a tab before the colon is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\t: 1\r\n\r\n"},
	{"a space before the colon of Transfer-Encoding is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"},
	{"a space in a name is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"},
	{"an empty name is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"},
	{"a line without a colon is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"},
	{"a name that is not a token is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX(): 1\r\n\r\n"},
	{"a name with NUL is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX\x00: 1\r\n\r\n"},
	{"a name with a byte beyond ASCII is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encod\xc4\xb1ng: chunked\r\n\r\n"},
	{"a name with a quote is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\n\"X\": 1\r\n\r\n"},
	{"a bare LF after a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"},
	{"a bare CR in a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n"},
	{"two CRs after a value are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\r\n\r\n"},
	{"a bare LF in place of the empty line is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
	{"a bare CR in place of the empty line is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\n\rX"},
	{"a head of bare LFs is refused", 400, "GET / HTTP/1.1\nHost: a\n\n"},
	{"NUL in a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\x002\r\n\r\n"},
	{"NUL as the last byte of a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 12345678901\x00"},
	{"ESC in a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\x1b2\r\n\r\n"},
	{"DEL in a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\x7f2\r\n\r\n"},
	{"a vertical tab before a value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n"},
	{"a control in a long value is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789abcdef0123456789\x010123456789abcdef\r\n\r\n"},

	{"two lengths are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"},
	{"two equal lengths are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"},
	{"two lengths in a list are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"},
	{"an empty length is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
	{"a length with a plus is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"},
	{"a negative length is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"},
	{"a hexadecimal length is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"},
	{"a length with an underscore is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5_0\r\n\r\n"},
	{"a length with a space is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 0\r\n\r\n"},
	{"a length with a fraction is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"},
	{"a length of other digits is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\n"},
	{"a length that is too large by one is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n"},
	{"a length that wraps around is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\n"},
	{"a length with a coding is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"a coding with a length is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"},
	{"a coding in HTTP/1.0 is refused", 400, "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"two codings in lines are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"chunked twice is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"},
	{"chunked that is not last is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"},
	{"an empty coding after chunked is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n\r\n"},
	{"an empty coding before chunked is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n"},
	{"chunked with a parameter is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"},
	{"an empty coding is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"},
	{"a coding in quotes is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
	{"a coding of two words is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x chunked\r\n\r\n"},
	{"a coding before chunked is not implemented", 501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
	{"a coding other than chunked is not implemented", 501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{"a coding with a parameter before chunked is not implemented", 501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x;q=\"1\", chunked\r\n\r\n"},
	{"the coding identity is not implemented", 501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
	{"a coding that looks like chunked is not implemented", 501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
	{"a trailer that would frame in chunks is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTrailer: Transfer-Encoding\r\n\r\n"},
	{"a trailer that would announce trailers is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTrailer: trailer\r\n\r\n"},
	{"a trailer that would frame is refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nTrailer: X, content-length\r\n\r\n"},

	{"more fields than allowed are refused", 431, "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", MaxFields) + "\r\n"},
	{"more connection options than allowed are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", MaxFields) + "b\r\n\r\n"},
	{"more connection options than allowed on two lines are refused", 400, "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a,", MaxFields) + "\r\nConnection: b\r\n\r\n"},
	{"a head that is one byte too long is refused", 431, headOfSize(MaxHeadBytes + 1)},
	{"a field that does not end is refused", 431, "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", MaxHeadBytes)},
	{"a name that does not end is refused", 431, "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("x", MaxHeadBytes)},
}

// headOfSize returns a head of the given size that is otherwise valid.
func headOfSize(size int) string {
	const start, end = "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n"
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

func TestInvalidRequestHeadsAreRejected(t *testing.T) {
	for _, test := range rejectedRequests {
		t.Run(test.name, func(t *testing.T) {
			var request Request
			n, err := request.Parse([]byte(test.head), 0)
			var rejection *Error
			if !errors.As(err, &rejection) || rejection.Status != test.status || n != 0 {
				t.Fatalf("got %d and error %#v, want a rejection with %d", n, err, test.status)
			}
			if rejection.Reason == "" || rejection.Error() != rejection.Reason {
				t.Errorf("got the reason %q, want one", rejection.Reason)
			}
		})
	}
}

func TestTheBoundsOfARequestHeadAreAllowed(t *testing.T) {
	tests := []struct{ name, head string }{
		{"a head as long as allowed is accepted", headOfSize(MaxHeadBytes)},
		{"as many fields as allowed are accepted", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: 1\r\n", MaxFields-1) + "\r\n"},
		{"as many connection options as allowed are accepted", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("a, ", MaxFields) + "\r\n\r\n"},
		{"a target as long as allowed is accepted", "GET /" + strings.Repeat("x", MaxTargetBytes-1) + " HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"a method as long as allowed is accepted", strings.Repeat("M", MaxMethodBytes) + " / HTTP/1.1\r\nHost: a\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var request Request
			if n, err := request.Parse([]byte(test.head+"X"), 0); n != len(test.head) || err != nil {
				t.Errorf("got %d and error %v, want %d", n, err, len(test.head))
			}
		})
	}
}

func TestTheMethodAndTargetOfARejectedRequestAreKnown(t *testing.T) {
	var request Request
	_, err := request.Parse(crlf("POST /x?y HTTP/1.1\nHost: a b\n\n"), 0)
	if err == nil || request.Method != "POST" || request.Target != "/x?y" {
		t.Errorf("got %q %q and error %v, want the method, the target and a rejection", request.Method, request.Target, err)
	}
}
