package http1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// acceptedRequests are valid heads and their meaning. want lists only the differences from a plain GET of / without fields:
// see plainRequest.
var acceptedRequests = []struct {
	name, head string
	want       func(r *Request)
}{
	{"the least that HTTP/1.1 allows is accepted", "GET / HTTP/1.1\nHost: a\n\n", func(*Request) {}},
	{"white space after the colon may be missing", "GET / HTTP/1.1\nHost:a\n\n", func(*Request) {}},
	{"white space around a value is cut", "GET / HTTP/1.1\nHost: \t a \t\nX: \t \n\n", func(r *Request) { r.Fields.Add("X", "") }},
	{"names may have any case", "GET / HTTP/1.1\nhOST: a\ncONTENT-lENGTH: 7\n\n", func(r *Request) {
		r.ContentLength, r.HasContentLength = 7, true
	}},
	{"fields keep their order and spelling", "GET / HTTP/1.1\nx-b: 1\nHost: a\nX-A: 2\nx-b: 3\n\n", func(r *Request) {
		r.Fields = Fields{{"x-b", "1"}, {"X-A", "2"}, {"x-b", "3"}}
	}},
	{"a value may hold all that is allowed", "GET / HTTP/1.1\nHost: a\nX: a \t\x80\xff~!\"\n\n", func(r *Request) {
		r.Fields.Add("X", "a \t\x80\xff~!\"")
	}},
	{"a long value may have tabs", "GET / HTTP/1.1\nHost: a\nX: 12345678\t12345678\t\t1\t2345678901234567890\n\n", func(r *Request) {
		r.Fields.Add("X", "12345678\t12345678\t\t1\t2345678901234567890")
	}},
	{"a name may hold all that a token may hold", "GET / HTTP/1.1\nHost: a\n!#$%&'*+-.^_`|~09Az: 1\n\n", func(r *Request) {
		r.Fields.Add("!#$%&'*+-.^_`|~09Az", "1")
	}},
	{"an extension method is accepted", "VERSION-CONTROL / HTTP/1.1\nHost: a\n\n", func(r *Request) { r.Method = "VERSION-CONTROL" }},
	{"empty lines before it are skipped", "\n\n\n\nGET / HTTP/1.1\nHost: a\n\n", func(*Request) {}},
	{"HTTP/1.0 needs no Host, and ends its connection", "GET / HTTP/1.0\n\n", func(r *Request) {
		r.Minor, r.Host, r.HasHost, r.KeepAlive = 0, "", false, false
	}},
	{"HTTP/1.0 is not kept alive though it asks", "GET / HTTP/1.0\nHost: a\nConnection: keep-alive\n\n", func(r *Request) {
		r.Minor, r.KeepAlive = 0, false
		r.Fields.Add("Connection", "keep-alive")
	}},
	{
		"HTTP/1.0 neither upgrades nor expects",
		"POST / HTTP/1.0\nHost: a\nConnection: upgrade\nUpgrade: x\nExpect: 100-continue\nContent-Length: 1\n\n",
		func(r *Request) {
			r.Method, r.Minor, r.KeepAlive, r.ContentLength, r.HasContentLength = "POST", 0, false, 1, true
			r.Fields = Fields{{"Connection", "upgrade"}, {"Upgrade", "x"}, {"Expect", "100-continue"}}
		},
	},
	{"an empty Host is accepted", "GET / HTTP/1.1\nHost:\n\n", func(r *Request) { r.Host = "" }},
	{"a Host may have a port", "GET / HTTP/1.1\nHost: Git.Example.com.:65535\n\n", func(r *Request) { r.Host = "Git.Example.com.:65535" }},
	{"a Host may have an empty port", "GET / HTTP/1.1\nHost: a:\n\n", func(r *Request) { r.Host = "a:" }},
	{"a Host may be an IPv6 address", "GET / HTTP/1.1\nHost: [2001:db8::1]:8443\n\n", func(r *Request) { r.Host = "[2001:db8::1]:8443" }},
	{"a Host may be an IPv4 address in IPv6", "GET / HTTP/1.1\nHost: [::ffff:192.0.2.1]\n\n", func(r *Request) {
		r.Host = "[::ffff:192.0.2.1]"
	}},
	{"a Host may have an underscore", "GET / HTTP/1.1\nHost: a_b.test\n\n", func(r *Request) { r.Host = "a_b.test" }},
	{"Connection: close ends the connection", "GET / HTTP/1.1\nHost: a\nConnection: Close\n\n", func(r *Request) {
		r.KeepAlive = false
		r.Fields.Add("Connection", "Close")
	}},
	{"close may be among other options and lines", "GET / HTTP/1.1\nHost: a\nConnection: keep-alive\nConnection: ,x, close\n\n", func(r *Request) {
		r.KeepAlive = false
		r.Fields = Fields{{"Connection", "keep-alive"}, {"Connection", ",x, close"}}
	}},
	{"an upgrade is recognized", "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: keep-alive, Upgrade\n\n", func(r *Request) {
		r.Upgrade = "websocket"
		r.Fields = Fields{{"Upgrade", "websocket"}, {"Connection", "keep-alive, Upgrade"}}
	}},
	{"an Upgrade that Connection does not name does not count", "GET / HTTP/1.1\nHost: a\nUpgrade: websocket\n\n", func(r *Request) {
		r.Fields.Add("Upgrade", "websocket")
	}},
	{"the first of several Upgrades counts", "GET / HTTP/1.1\nHost: a\nUpgrade: x\nUpgrade: y\nConnection: upgrade\n\n", func(r *Request) {
		r.Upgrade = "x"
		r.Fields = Fields{{"Upgrade", "x"}, {"Upgrade", "y"}, {"Connection", "upgrade"}}
	}},
	{"trailers may be wanted in the first of two lines", "GET / HTTP/1.1\nHost: a\nTE: trailers\nTE: gzip\n\n", func(r *Request) {
		r.TETrailers = true
		r.Fields = Fields{{"TE", "trailers"}, {"TE", "gzip"}}
	}},
	{"trailers may be wanted among other codings", "GET / HTTP/1.1\nHost: a\nTE: gzip;q=0.5, Trailers\n\n", func(r *Request) {
		r.TETrailers = true
		r.Fields.Add("TE", "gzip;q=0.5, Trailers")
	}},
	{"trailers may be announced", "GET / HTTP/1.1\nHost: a\nTrailer: X-Sum\n\n", func(r *Request) { r.Fields.Add("Trailer", "X-Sum") }},
	{"a length may be 0", "GET / HTTP/1.1\nHost: a\nContent-Length: 0\n\n", func(r *Request) { r.HasContentLength = true }},
	{"a length may have zeros in front", "GET / HTTP/1.1\nHost: a\nContent-Length: 007\n\n", func(r *Request) {
		r.ContentLength, r.HasContentLength = 7, true
	}},
	{"a length may be the greatest number", "GET / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775807\n\n", func(r *Request) {
		r.ContentLength, r.HasContentLength = 1<<63-1, true
	}},
	{"a chunked body is accepted", "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: Chunked\n\n", func(r *Request) { r.ContentLength, r.Chunked = -1, true }},
	{"a body may wait for a 100", "GET / HTTP/1.1\nHost: a\nExpect: 100-Continue\nContent-Length: 1\n\n", func(r *Request) {
		r.ContentLength, r.HasContentLength, r.ExpectContinue = 1, true, true
		r.Fields.Add("Expect", "100-Continue")
	}},
	{
		"a chunked body may wait for a 100 in the first of two lines",
		"GET / HTTP/1.1\nHost: a\nExpect: 100-continue\nExpect: x\nTransfer-Encoding: chunked\n\n",
		func(r *Request) {
			r.ContentLength, r.Chunked, r.ExpectContinue = -1, true, true
			r.Fields = Fields{{"Expect", "100-continue"}, {"Expect", "x"}}
		},
	},
	{"Expect without a body is nothing to wait for", "GET / HTTP/1.1\nHost: a\nExpect: 100-continue\n\n", func(r *Request) {
		r.Fields.Add("Expect", "100-continue")
	}},
	{"path and query keep every byte", "GET //a/../%2e%2E/b;c=d/?x=%20&y=[1]|{2}^`\\\"<>&%&100% HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target = "//a/../%2e%2E/b;c=d/?x=%20&y=[1]|{2}^`\\\"<>&%&100%"
		r.PathQuery = r.Target
	}},
	{"a path may end in an encoded byte", "GET /a%2F HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target, r.PathQuery = "/a%2F", "/a%2F"
	}},
	{"path and query may have raw bytes", "GET /\x80ü[|]{}^`\"<>\\?\xff HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target = "/\x80ü[|]{}^`\"<>\\?\xff"
		r.PathQuery = r.Target
	}},
	{"an absolute-form names its own host", "GET HTTP://B.test:80/x?y HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target, r.Authority, r.PathQuery = "HTTP://B.test:80/x?y", "B.test:80", "/x?y"
	}},
	{"an absolute-form needs no path", "GET https://[::1] HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target, r.Authority, r.PathQuery = "https://[::1]", "[::1]", ""
	}},
	{"an absolute-form may have only a query", "GET http://b?x HTTP/1.1\nHost: a\n\n", func(r *Request) {
		r.Target, r.Authority, r.PathQuery = "http://b?x", "b", "?x"
	}},
	{"OPTIONS may be for the whole server", "OPTIONS * HTTP/1.1\nHost: a\n\n", func(r *Request) { r.Method, r.Target, r.PathQuery = "OPTIONS", "*", "*" }},
	{"CONNECT names its authority", "CONNECT b.test:443 HTTP/1.1\nHost: b.test:443\n\n", func(r *Request) {
		r.Method, r.Target, r.Authority, r.PathQuery, r.Host = "CONNECT", "b.test:443", "b.test:443", "", "b.test:443"
	}},
}

func plainRequest() *Request {
	return &Request{Method: "GET", Target: "/", PathQuery: "/", Minor: 1, Host: "a", HasHost: true, KeepAlive: true}
}

func TestValidRequestHeadsAreParsed(t *testing.T) {
	for _, test := range acceptedRequests {
		t.Run(test.name, func(t *testing.T) {
			want := plainRequest()
			test.want(want)
			head := crlf(test.head)
			var got Request
			n, err := got.Parse(append(head, "GET /next"...), 0)
			if n != len(head) || err != nil {
				t.Fatalf("got %d and error %v, want the length %d", n, err, len(head))
			}
			if diff := cmp.Diff(want, &got, equateEmptyFields, cmpopts.IgnoreTypes(headScan{})); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATargetIsPassedOnInOriginForm(t *testing.T) {
	tests := []struct{ name, method, target, want string }{
		{"the origin-form stays as it is", "GET", "//x/%2F?y=%", "//x/%2F?y=%"},
		{"the absolute-form loses its authority", "GET", "http://b.test/x?y", "/x?y"},
		{"the absolute-form without a path becomes the root", "GET", "http://b.test", "/"},
		{"the absolute-form with a query only gets the root", "GET", "http://b.test?y", "/?y"},
		{"OPTIONS of an absolute-form without a path is OPTIONS of the server", "OPTIONS", "http://b.test", "*"},
		{"OPTIONS of an absolute-form with a query keeps it", "OPTIONS", "http://b.test?y", "/?y"},
		{"the asterisk stays as it is", "OPTIONS", "*", "*"},
		{"the authority of CONNECT stays as it is", "CONNECT", "b.test:1", "b.test:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var request Request
			head := crlf(test.method + " " + test.target + " HTTP/1.1\nHost: a\n\n")
			if _, err := request.Parse(head, 0); err != nil {
				t.Fatal(err)
			}
			if got := string(request.AppendTarget([]byte("< "))); got != "< "+test.want {
				t.Errorf("got %q, want %q", got, "< "+test.want)
			}
		})
	}
}
