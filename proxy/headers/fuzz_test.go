package headers

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"reverse-proxy/proxy/http1"
)

// FuzzAValueOfARequestEndsNoField expands arbitrary values with arbitrary hosts and checks that the result is one field
// value: no rule and no client can end a header field or begin another one.
func FuzzAValueOfARequestEndsNoField(f *testing.F) {
	for _, seed := range []struct{ value, authority string }{
		{"{host}", "a.example"}, {"for {host}", "a.example:8443"}, {"{host}", "a\r\nX-Evil: 1"}, {"{scheme}://{host}", "[::1]:443"},
		{"{{{host}}}", "A.EXAMPLE."}, {"{host}", "a\x00b"}, {"{host}", " a "}, {"{host} {host}", ""}, {"for {host}", ""}, {"{host}, a", ""}, {"{request_id}\r\n", "a"}, {"{client_ip}{", "a"},
		{"}}{{", "x"}, {"{hos{host}t}", "x"}, {"\t{host}", "x"}, {"{host}\x85", "é.example"}, {"{host}", "a%0d%0ab"}, {"{host}", "a@b"},
	} {
		f.Add(seed.value, seed.authority)
	}
	f.Fuzz(func(t *testing.T, text, authority string) {
		host, _ := http1.SplitAuthority(authority) // "" for an invalid one, as in the core
		from := fixedValues{ClientIP: netip.MustParseAddr("2001:db8::1").String(), Host: host, RequestID: "0192", Scheme: "https"}
		for _, m := range []Message{Request, Response} {
			for _, op := range []Op{Set, Default} {
				rules, err := Compile(m, []Rule{{Op: op, Name: "X-A", Value: text}})
				if err != nil {
					continue
				}
				var fields http1.Fields
				rules.Apply(&fields, from, nil)
				if len(fields) != 1 || !http1.ValidValue(fields[0].Value) {
					t.Fatalf("%q for the host %q: got %q, want one valid value", text, host, fields)
				}
				if want := expandSlowly(text, from); fields[0].Value != want {
					t.Fatalf("%q for the host %q: got %q, want %q", text, host, fields[0].Value, want)
				}
				if len(fields[0].Value) > MaxBytes {
					t.Fatalf("got %d bytes", len(fields[0].Value))
				}
			}
		}
		if rules, err := Compile(Request, []Rule{{Op: Set, Name: "Host", Value: text}}); err == nil && host != "" && host[0] != '[' {
			if got, _, _ := rules.Host(from, nil); !http1.ValidAuthority(got) {
				t.Fatalf("%q for the host %q: got the host %q", text, host, got)
			}
		}
	})
}

// inBraces matches the placeholders and braces of a value, from left to right.
var inBraces = regexp.MustCompile(`\{\{|\}\}|\{[a-z_]+\}`)

// expandSlowly does the same as parseValue and expand, in another way.
func expandSlowly(text string, from fixedValues) string {
	becomes := map[string]string{"{{": "{", "}}": "}", "{client_ip}": from[ClientIP], "{host}": from[Host], "{request_id}": from[RequestID], "{scheme}": from[Scheme]}
	return strings.Trim(inBraces.ReplaceAllStringFunc(text, func(found string) string { return becomes[found] }), " \t")
}

// FuzzANameThatIsAccepted checks that no accepted rule changes the framing, however its name is spelled.
func FuzzANameThatIsAccepted(f *testing.F) {
	for _, seed := range []string{"X-A", "content-length", "Content_Length", "TRANSFER-ENCODING", "Transfer-Encoding ", "Connection\x00", "Hos\u0074", "\u212aeep-Alive", "te", "T\u0065", "x_forwarded_for"} {
		f.Add(seed, "1")
	}
	framing := NewNameSet(true, []string{"Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy-Connection", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"})
	f.Fuzz(func(t *testing.T, name, value string) {
		rule := Rule{Op: Set, Name: name, Value: value}
		if Request.Check(rule) != nil {
			return
		}
		if !http1.ValidToken(name) || framing.Has(name) {
			t.Fatalf("%q is accepted", name)
		}
		// From a head with the field an upstream reads that field and nothing else.
		rules, err := Compile(Request, []Rule{rule})
		if err != nil || Request.Key(name) == hostKey {
			return
		}
		var fields http1.Fields
		rules.Apply(&fields, someValues, nil)
		head := http1.AppendFields([]byte("GET / HTTP/1.1\r\nHost: a.example\r\n"), fields)
		var read http1.Request
		n, err := read.Parse(append(head, "\r\n"...), 0)
		if err != nil || n != len(head)+2 {
			t.Fatalf("%q: read %d bytes of %q, %v", name, n, head, err)
		}
		if len(read.Fields) != 1 || read.Fields[0] != fields[0] || read.Chunked || read.ContentLength != 0 {
			t.Fatalf("%q: read %+v of %q", name, read, head)
		}
	})
}
