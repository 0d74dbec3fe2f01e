package http2

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"reverse-proxy/proxy/http1"
)

// encode returns a header block of names and values.
func encode(list ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(list); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}) // a bytes.Buffer never fails
	}
	return block.Bytes()
}

// request returns a request's list with more fields after the pseudo-header ones.
func request(more ...string) []string {
	return append([]string{":method", "GET", ":scheme", "https", ":path", "/a?b", ":authority", "a.test"}, more...)
}

// without removes a field from a list.
func without(name string, list []string) []string {
	var rest []string
	for i := 0; i < len(list); i += 2 {
		if list[i] != name {
			rest = append(rest, list[i], list[i+1])
		}
	}
	return rest
}

// with changes a field of a list.
func with(name, value string, list []string) []string {
	for i := 0; i < len(list); i += 2 {
		if list[i] == name {
			list[i+1] = value
		}
	}
	return list
}

func decode(t *testing.T, head *Head, trailer bool, block []byte) (malformed string, refused *http1.Error) {
	t.Helper()
	d := NewHeadDecoder()
	if err := d.Begin(head, trailer, block); err != nil {
		t.Fatal(err)
	}
	malformed, refused, err := d.End()
	if err != nil {
		t.Fatal(err)
	}
	return malformed, refused
}

func TestARequestIsDecoded(t *testing.T) {
	var head Head
	malformed, refused := decode(t, &head, false, encode(request(
		"cookie", "a=1", "accept", "*/*", "cookie", "b=2", "te", "trailers", "host", "A.test", "content-length", "5",
		"expect", "100-continue", "priority", "u=1, i", "x-empty", "", "cookie", "c=3")...))
	if malformed != "" || refused != nil {
		t.Fatalf("got %q %v, want it accepted", malformed, refused)
	}
	got := fmt.Sprint(head.Method, head.Scheme, head.Path, head.Authority, head.Conflict, head.ContentLength, head.ExpectContinue, head.Priority)
	if want := fmt.Sprint("GET", "https", "/a?b", "a.test", false, 5, true, Priority{1, true}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want := "[{cookie a=1} {accept */*} {te trailers} {expect 100-continue} {priority u=1, i} {x-empty }]"
	if got := fmt.Sprint(head.Fields); got != want {
		t.Errorf("got the fields %s, want %s", got, want)
	}
	if got := joinedCookie(&head); got != "a=1; b=2; c=3" {
		t.Errorf("got the cookie %q, want all values in their order", got)
	}
	head.Release()
	if len(head.Fields) != 0 || len(head.Cookies) != 0 || head.Method != "" {
		t.Errorf("got %+v after Release, want nothing left", head)
	}
}

func TestMalformedRequestsAreDistinguishedFromRefusedOnes(t *testing.T) {
	long := strings.Repeat("a", 40<<10)
	tests := []struct {
		name string
		list []string
		// status is the status of the refusal, 0 for a malformed list, -1 for an accepted one.
		status int
	}{
		{"OPTIONS * is accepted", with(":path", "*", with(":method", "OPTIONS", request())), -1},
		{"CONNECT is accepted", []string{":method", "CONNECT", ":authority", "a.test:443"}, -1},
		{"extended CONNECT is accepted", with(":method", "CONNECT", append([]string{":protocol", "websocket"}, request()...)), -1},
		{"an authority may be only in the host field", without(":authority", request("host", "a.test")), -1},
		{"an authority may be missing", without(":authority", request()), -1},
		{"a missing method is malformed", without(":method", request()), 0},
		{"a missing scheme is malformed", without(":scheme", request()), 0},
		{"a missing path is malformed", without(":path", request()), 0},
		{"an empty path is malformed", with(":path", "", request()), 0},
		{"a method twice is malformed", append([]string{":method", "GET"}, request()...), 0},
		{"an authority twice is malformed", append([]string{":authority", "a.test"}, request()...), 0},
		{"a pseudo-header field after a regular one is malformed", append([]string{"accept", "*/*"}, request()...), 0},
		{"a pseudo-header field of responses is malformed", append([]string{":status", "200"}, request()...), 0},
		{"a scheme that is not served is malformed", with(":scheme", "ftp", request()), 0},
		{"CONNECT with a path is malformed", without(":scheme", with(":method", "CONNECT", request())), 0},
		{"CONNECT without an authority is malformed", []string{":method", "CONNECT"}, 0},
		{":protocol without CONNECT is malformed", append([]string{":protocol", "websocket"}, request()...), 0},
		{"an upper-case name is malformed", request("Accept", "*/*"), 0},
		{"an empty name is malformed", request("", "x"), 0},
		{"a name with a space is malformed", request("a b", "x"), 0},
		{"a name with a colon is malformed", request("a:", "x"), 0},
		{"a name with a line feed is malformed", request("a\n", "x"), 0},
		{"a value with a line feed is malformed", request("a", "x\ny: z"), 0},
		{"a value with a carriage return is malformed", request("a", "x\ry"), 0},
		{"a value with a zero is malformed", request("a", "x\x00y"), 0},
		{"a value that begins with a space is malformed", request("a", " x"), 0},
		{"a value that ends in a tab is malformed", request("a", "x\t"), 0},
		{"connection is malformed", request("connection", "close"), 0},
		{"keep-alive is malformed", request("keep-alive", "timeout=5"), 0},
		{"proxy-connection is malformed", request("proxy-connection", "close"), 0},
		{"transfer-encoding is malformed", request("transfer-encoding", "chunked"), 0},
		{"upgrade is malformed", request("upgrade", "h2c"), 0},
		{"te of gzip is malformed", request("te", "gzip"), 0},
		{"te of trailers and gzip is malformed", request("te", "trailers, gzip"), 0},
		{"content-length with a sign is malformed", request("content-length", "+5"), 0},
		{"content-length twice is malformed", request("content-length", "5", "content-length", "5"), 0},
		{"content-length over 2^63-1 is malformed", request("content-length", "9223372036854775808"), 0},
		{"a method with a space is refused", with(":method", "GET /x", request()), 400},
		{"a method with a line feed is refused", with(":method", "GET\r\nX: y", request()), 400},
		{"a method that is too long is refused", with(":method", strings.Repeat("A", 33), request()), 501},
		{"a path with a space is refused", with(":path", "/a HTTP/1.1", request()), 400},
		{"a path with a line feed is refused", with(":path", "/a\r\nX: y", request()), 400},
		{"a path with a fragment is refused", with(":path", "/a#b", request()), 400},
		{"a path without a slash is refused", with(":path", "a", request()), 400},
		{"a path with a scheme is refused", with(":path", "https://b.test/", request()), 400},
		{"the asterisk without OPTIONS is refused", with(":path", "*", request()), 400},
		{"a path that is too long is refused", with(":path", "/"+long, request()), 414},
		{"an authority with user information is refused", with(":authority", "u@a.test", request()), 400},
		{"an authority with a path is refused", with(":authority", "a.test/x", request()), 400},
		{"an authority with a line feed is refused", with(":authority", "a.test\r\nX: y", request()), 400},
		{"a host field with a line feed is refused", without(":authority", request("host", "a.test/x")), 400},
		{"a protocol that is not a token is refused", with(":method", "CONNECT", append([]string{":protocol", "a b"}, request()...)), 400},
		{"129 fields are refused", request(strings.Split(strings.Repeat("a,b,", 128)+"a,b", ",")...), 431},
		{"a list of over 64 KiB is refused", request("a", long, "b", long), 431},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var head Head
			malformed, refused := decode(t, &head, false, encode(test.list...))
			switch {
			case test.status < 0 && (malformed != "" || refused != nil):
				t.Errorf("got %q %v, want it accepted", malformed, refused)
			case test.status == 0 && malformed == "":
				t.Errorf("got %v, want it malformed", refused)
			case test.status > 0 && (malformed != "" || refused == nil || refused.Status != test.status):
				t.Errorf("got %q %v, want the status %d", malformed, refused, test.status)
			}
		})
	}
}

func TestConflictingHostsAreReported(t *testing.T) {
	tests := []struct {
		name     string
		list     []string
		conflict bool
	}{
		{"another host is a conflict", request("host", "b.test"), true},
		{"two hosts are a conflict", request("host", "a.test", "host", "a.test"), true},
		{"the same host in capitals is not a conflict", request("host", "A.TEST"), false},
		{"a host next to an empty authority is a conflict", with(":authority", "", request("host", "b.test")), true},
	}
	for _, test := range tests {
		var head Head
		if malformed, refused := decode(t, &head, false, encode(test.list...)); malformed != "" || refused != nil || head.Conflict != test.conflict {
			t.Errorf("%s: got the conflict %v (%q %v), want %v", test.name, head.Conflict, malformed, refused, test.conflict)
		}
	}
}

func TestTrailersHoldNoPseudoHeaderFieldAndNoLength(t *testing.T) {
	for _, list := range [][]string{{":path", "/"}, {"content-length", "0"}, {"connection", "close"}, {"A", "b"}} {
		var head Head
		if malformed, _ := decode(t, &head, true, encode(list...)); malformed == "" {
			t.Errorf("got the trailers %q accepted, want them malformed", list)
		}
	}
	var head Head
	if malformed, refused := decode(t, &head, true, encode("grpc-status", "0")); malformed != "" || refused != nil || head.Fields.Get("grpc-status") != "0" {
		t.Errorf("got %q %v %v, want the trailer", malformed, refused, head.Fields)
	}
}

func TestCookieFieldsWithoutAValueAddNothing(t *testing.T) {
	tests := []struct {
		cookies []string
		want    string
	}{
		{[]string{"a=1", "", "b=2"}, "a=1; b=2"},
		{[]string{"", "a=1", ""}, "a=1"},
		{[]string{"", ""}, ""},
		{[]string{""}, ""},
	}
	for _, test := range tests {
		list := request()
		for _, value := range test.cookies {
			list = append(list, "cookie", value)
		}
		var head Head
		malformed, refused := decode(t, &head, false, encode(list...))
		if malformed != "" || refused != nil || len(head.Fields) != 1 || joinedCookie(&head) != test.want {
			t.Errorf("%q: got %v %q (%s, %v), want one cookie field with %q", test.cookies, head.Fields, head.Cookies, malformed, refused, test.want)
		}
	}
}

// joinedCookie returns the cookie of a head as HTTP/1 sends it.
func joinedCookie(head *Head) string {
	return strings.Join(append([]string{head.Fields.Get("cookie")}, head.Cookies...), "; ")
}

// repeated returns a list of n fields with one name, each with its number as the value.
func repeated(n int, name string) []string {
	var list []string
	for i := range n {
		list = append(list, name, fmt.Sprint("v", i))
	}
	return list
}

func TestTheBoundsOfAHeadAreDistinguished(t *testing.T) {
	long := strings.Repeat("a", 40<<10)
	tests := []struct {
		name    string
		list    []string
		trailer bool
		// reason is the bound that is exceeded, or "" for an accepted list.
		reason string
	}{
		{"128 fields are accepted", request(repeated(128, "x-a")...), false, ""},
		{"128 fields and 500 cookies are accepted", request(append(repeated(500, "cookie"), repeated(128, "x-a")...)...), false, ""},
		{"129 fields are too many", request(repeated(129, "x-a")...), false, tooManyFields},
		{"129 fields after a cookie are too many", request(append(repeated(1, "cookie"), repeated(129, "x-a")...)...), false, tooManyFields},
		{"129 fields are too many, also before the list is too large", request(append(repeated(129, "x-a"), "x-b", long, "x-b", long)...), false, tooManyFields},
		{"two fields of over 64 KiB are too large", request("x-a", long, "x-b", long), false, listTooLarge},
		{"cookies without a value of over 64 KiB are too large", request(strings.Split(strings.Repeat("cookie,,", 1725)+"cookie,", ",")...), false, listTooLarge},
		{"over 64 KiB are too large, also before 129 fields", request(append([]string{"x-b", long, "x-b", long}, repeated(129, "x-a")...)...), false, listTooLarge},
		{"129 cookies in trailers are too many", repeated(129, "cookie"), true, tooManyFields},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var head Head
			malformed, refused := decode(t, &head, test.trailer, encode(test.list...))
			switch {
			case malformed != "":
				t.Errorf("got the list malformed: %s", malformed)
			case test.reason == "" && refused != nil:
				t.Errorf("got %v, want the list accepted", refused)
			case test.reason != "" && (refused == nil || refused.Status != 431 || refused.Reason != test.reason):
				t.Errorf("got %v, want 431 for %q", refused, test.reason)
			}
		})
	}
}

// TestManyCookiesBecomeOneFieldWithoutMoreMemory repeatedly decodes almost as many cookies as fit into a list.
func TestManyCookiesBecomeOneFieldWithoutMoreMemory(t *testing.T) {
	const n = 1400
	list := request(append(repeated(n, "cookie"), "x-last", "1")...)
	var want strings.Builder
	for i := range n {
		fmt.Fprintf(&want, "; v%d", i)
	}
	block := encode(list...)
	var head Head
	for range 3 {
		if malformed, refused := decode(t, &head, false, block); malformed != "" || refused != nil {
			t.Fatalf("got %q %v, want the list accepted", malformed, refused)
		}
		if len(head.Fields) != 2 || head.Fields[0].Name != "cookie" || joinedCookie(&head) != want.String()[2:] || head.Fields.Get("x-last") != "1" {
			t.Fatalf("got %d fields, want all cookies in one and the field after them", len(head.Fields))
		}
		if cap(head.Fields) > MaxFields {
			t.Fatalf("got room for %d fields, want cookies to need one", cap(head.Fields))
		}
		head.Release()
		if cap(head.Cookies) > keptCookies {
			t.Fatalf("got room for %d cookies kept, want at most %d", cap(head.Cookies), keptCookies)
		}
	}
}

// TestReferencesToAFieldCostNoMoreThanThemselves decodes fields that are only references in the block (S-12.8).
func TestReferencesToAFieldCostNoMoreThanThemselves(t *testing.T) {
	for _, name := range []string{"cookie", "x-a"} {
		const references = 127
		block := encode(request(name, strings.Repeat("v", 400))...)
		block = append(block, bytes.Repeat([]byte{0x80 | 62}, references)...) // the newest entry of the table
		var head Head
		if malformed, refused := decode(t, &head, false, block); malformed != "" || refused != nil {
			t.Fatalf("got %q %v, want the list accepted", malformed, refused)
		}
		if got := head.Fields.Get(name); len(got) != 400 {
			t.Errorf("%s: got a value of %d bytes, want that of the table", name, len(got))
		}
		if got, most := head.Memory(), 64*references; got > most {
			t.Errorf("%s: got %d bytes for %d references, want at most %d", name, got, references, most)
		}
	}
}

func TestABlockInPiecesIsTheSame(t *testing.T) {
	block := encode(request("cookie", "abc", "x-long", strings.Repeat("x", 300))...)
	for size := 32; size < len(block); size += 7 {
		d, head := NewHeadDecoder(), Head{}
		err := d.Begin(&head, false, block[:size])
		for rest := block[size:]; len(rest) > 0 && err == nil; {
			n := min(size, len(rest))
			err = d.Continue(rest[:n])
			rest = rest[n:]
		}
		if err != nil {
			t.Fatal(err)
		}
		if malformed, refused, err := d.End(); malformed != "" || refused != nil || err != nil || len(head.Fields) != 2 {
			t.Errorf("pieces of %d: got %q %v %v and %v, want both fields", size, malformed, refused, err, head.Fields)
		}
	}
}

func TestEveryBlockKeepsTheTableInStep(t *testing.T) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	write := func(name, value string) []byte {
		block.Reset()
		_ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value})
		return bytes.Clone(block.Bytes())
	}
	first, second := write("x-a", "1"), write("x-a", "1")
	d, head := NewHeadDecoder(), Head{}
	if err := errors.Join(asError(d.Begin(nil, false, first)), asError(last(d.End()))); err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(&head, true, second); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.End(); err != nil || head.Fields.Get("x-a") != "1" {
		t.Errorf("got %v %v, want the field that a block without a head has put into the table", head.Fields, err)
	}
}

func last(_ string, _ *http1.Error, err *Error) *Error { return err }

// asError keeps a nil *Error from becoming a non-nil error.
func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

func TestBlocksThatNoHonestClientSendsEndTheConnection(t *testing.T) {
	bomb := encode("x", strings.Repeat("a", 3900))
	indexed := bytes.Repeat([]byte{0x80 | 62}, 16<<10)
	tests := []struct {
		name string
		feed func(d *HeadDecoder) *Error
		code Code
	}{
		{"an index that does not exist ends it", func(d *HeadDecoder) *Error { return d.Begin(&Head{}, false, []byte{0xff, 0x80, 0x01}) }, CompressionError},
		{"a block that breaks off ends it", func(d *HeadDecoder) *Error {
			_ = d.Begin(&Head{}, false, []byte{0x40, 5, 'a'})
			return last(d.End())
		}, CompressionError},
		{"references that inflate end it", func(d *HeadDecoder) *Error {
			if err := d.Begin(&Head{}, false, bomb); err != nil {
				return err
			}
			return d.Continue(indexed)
		}, EnhanceYourCalm},
		{"references that inflate in a block without a head end it", func(d *HeadDecoder) *Error {
			if err := d.Begin(nil, false, bomb); err != nil {
				return err
			}
			return d.Continue(indexed)
		}, EnhanceYourCalm},
		{"CONTINUATION without an end ends it", func(d *HeadDecoder) *Error {
			err := d.Begin(&Head{}, false, nil)
			for range MaxContinuations + 1 {
				if err == nil {
					err = d.Continue(nil)
				}
			}
			return err
		}, EnhanceYourCalm},
		{"a block of over 128 KiB ends it", func(d *HeadDecoder) *Error {
			piece := append([]byte{0, 1, 'a', 0x7f, 0x81, 0x7c}, make([]byte, 16000)...)
			err := d.Begin(&Head{}, false, piece)
			for range MaxContinuations {
				if err == nil {
					err = d.Continue(piece)
				}
			}
			return err
		}, EnhanceYourCalm},
	}
	for _, test := range tests {
		if err := test.feed(NewHeadDecoder()); err == nil || err.Code != test.code || err.Stream != 0 {
			t.Errorf("%s: got %v, want %s of the connection", test.name, err, test.code)
		}
	}
}

// FuzzHead decodes any block. If it is accepted, it must be the same request after it was written as HTTP/1.1 and
// parsed.
func FuzzHead(f *testing.F) {
	f.Add(encode(request("cookie", "a=1", "cookie", "b=2", "x-a", "b")...))
	f.Add(encode(request(append(repeated(200, "cookie"), "cookie", "", "x-a", "b", "cookie", "c")...)...))
	f.Add(encode(request(append(repeated(126, "x-a"), repeated(4, "cookie")...)...)...))
	f.Add(encode(":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "[::1]:80"))
	f.Add(encode(with(":path", "/a\r\nX: y", request())...))
	f.Add(encode(request("content-length", "5", "host", "a.test", "te", "trailers")...))
	f.Add([]byte{0x82, 0x87, 0x84, 0x41, 1, 'a', 0x40, 1, 'x', 1, 'y', 0xbe})
	f.Fuzz(func(t *testing.T, block []byte) {
		d, head := NewHeadDecoder(), Head{}
		if d.Begin(&head, false, block) != nil {
			return
		}
		malformed, refused, err := d.End()
		if malformed != "" || refused != nil || err != nil || head.Authority == "" || head.Conflict || head.Method == "CONNECT" {
			return
		}
		if len(head.Fields)+2 > http1.MaxFields {
			return // Host and Content-Length make it exceed a bound of the other parser
		}
		out := http1.AppendRequestLine(nil, head.Method, head.Path)
		out = http1.AppendField(out, "Host", head.Authority)
		out = http1.AppendFields(out, head.Fields)
		if head.ContentLength >= 0 {
			out = http1.AppendField(out, "Content-Length", strconv.FormatInt(head.ContentLength, 10))
		}
		out = append(out, "\r\n"...)
		var parsed http1.Request
		n, parseErr := parsed.Parse(out, 0)
		if parseErr != nil || n != len(out) {
			t.Fatalf("got %v after %d of %d bytes, want a request that parses: %q", parseErr, n, len(out), out)
		}
		if parsed.Method != head.Method || parsed.PathQuery != head.Path || parsed.Host != head.Authority ||
			fmt.Sprint(parsed.Fields) != fmt.Sprint(head.Fields) || parsed.ContentLength != max(0, head.ContentLength) || parsed.Chunked {
			t.Fatalf("got %+v, want the same as %+v", parsed, head)
		}
	})
}
