package headers

import (
	"slices"
	"strings"
	"testing"
)

// refused returns the text of the error for a rule that must be refused.
func refused(t *testing.T, m Message, rule Rule) string {
	t.Helper()
	err := m.Check(rule)
	if err == nil {
		t.Errorf("%v of message %d: got no error", rule, m)
		return ""
	}
	return err.Error()
}

func TestNoRuleIsAboutAFieldOfTheFraming(t *testing.T) {
	framing := slices.Concat(hopByHop, []string{"Content-Length", "Proxy-Status", "content_length", "TRANSFER_ENCODING", "keep_alive"})
	for _, name := range framing {
		for _, m := range []Message{Request, Response} {
			for _, rule := range []Rule{{Op: Set, Name: name, Value: "1"}, {Op: Default, Name: name, Value: "1"}, {Op: Remove, Name: name}} {
				if got := refused(t, m, rule); !strings.Contains(got, name) || !strings.Contains(got, "; leave it out") {
					t.Errorf("%v: got %q, want the name and what to do", rule, got)
				}
			}
		}
	}
}

func TestNoRuleIsAboutARequestFieldThatTheProxyVouchesFor(t *testing.T) {
	names := []string{ForwardedFor, ForwardedProto, ForwardedHost, ForwardedPort, "X-Forwarded-Prefix", "X-Forwarded-Anything", "x_forwarded_for", "X_Real_IP", "Expect", "sec-websocket-key"}
	for _, name := range believed {
		if name != "Host" && !strings.HasSuffix(name, "*") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		refused(t, Request, Rule{Op: Set, Name: name, Value: "1"})
		refused(t, Request, Rule{Op: Remove, Name: name})
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Expect"} {
		if err := Response.Check(Rule{Op: Set, Name: name, Value: "1"}); err != nil {
			t.Errorf("%s in a response: got %v, want no error", name, err)
		}
	}
}

func TestWhatARuleMayBe(t *testing.T) {
	for _, tt := range []struct {
		message Message
		rule    Rule
		want    string // a part of the error; "" for none
	}{
		{Request, Rule{Op: Set, Name: "X-Site", Value: "git"}, ""},
		{Request, Rule{Op: Default, Name: "X-Site", Value: "git"}, ""},
		{Request, Rule{Op: Remove, Name: "X-Debug"}, ""},
		{Request, Rule{Op: Set, Name: "Host", Value: "app.internal:8080"}, ""},
		{Request, Rule{Op: Set, Name: "host", Value: "{host}"}, ""},
		{Request, Rule{Op: Set, Name: "Host", Value: "{host}:8443"}, ""},
		{Request, Rule{Op: Set, Name: "Host", Value: "[2001:db8::1]:80"}, ""},
		{Request, Rule{Op: Set, Name: "Host", Value: "user@app"}, "is not a host"},
		{Request, Rule{Op: Set, Name: "Host", Value: "app internal"}, "is not a host"},
		{Request, Rule{Op: Set, Name: "Host", Value: "app:99999"}, "is not a host"},
		{Request, Rule{Op: Set, Name: "Host", Value: "http://app"}, "is not a host"},
		{Request, Rule{Op: Set, Name: "Host", Value: "{client_ip}"}, "not part of a host"},
		{Request, Rule{Op: Remove, Name: "HOST"}, "can only be set"},
		{Request, Rule{Op: Default, Name: "Host", Value: "a"}, "can only be set"},
		{Request, Rule{Op: Set, Name: "Cookie", Value: "a=b"}, ""},
		{Response, Rule{Op: Set, Name: "Server", Value: "x"}, ""},
		{Response, Rule{Op: Remove, Name: "Server"}, ""},
		{Response, Rule{Op: Set, Name: "Date", Value: "x"}, "no rule can know"},
		{Response, Rule{Op: Remove, Name: "date"}, "no rule can know"},
		{Response, Rule{Op: Set, Name: "set-cookie", Value: "a=b"}, "every cookie"},
		{Response, Rule{Op: Default, Name: "Set-Cookie", Value: "a=b"}, ""},
		{Response, Rule{Op: Remove, Name: "Set-Cookie"}, ""},
		{Response, Rule{Op: Set, Name: "Strict-Transport-Security", Value: "max-age=31536000; includeSubDomains"}, ""},
		{Response, Rule{Op: Set, Name: "Content-Security-Policy", Value: "default-src 'self'; img-src * data:"}, ""},
		{Response, Rule{Op: Set, Name: "X-Tab", Value: "a\tb"}, ""},
		{Response, Rule{Op: Set, Name: "X-Text", Value: "héllo"}, ""},
		{Response, Rule{Op: Remove, Name: ""}, "is empty"},
		{Response, Rule{Op: Remove, Name: "X-A:"}, "has a colon"},
		{Response, Rule{Op: Remove, Name: "X-*"}, "cannot be patterns"},
		{Response, Rule{Op: Remove, Name: "X A"}, "not the name of a header field"},
		{Response, Rule{Op: Remove, Name: "X-A\r\nX-B"}, "not the name of a header field"},
		{Response, Rule{Op: Remove, Name: "X-Ä"}, "not the name of a header field"},
		{Response, Rule{Op: Remove, Name: ":status"}, "not the name of a header field"},
		{Response, Rule{Op: Remove, Name: strings.Repeat("x", MaxNameBytes)}, ""},
		{Response, Rule{Op: Remove, Name: strings.Repeat("x", MaxNameBytes+1)}, "more than 128 bytes"},
		{Response, Rule{Op: Set, Name: "X-A", Value: ""}, "is empty; write a value, or the name in remove"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "a\nX-B: b"}, "has a line break"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "a\rb"}, "has a line break"},
		{Response, Rule{Op: Default, Name: "X-A", Value: "a\x00b"}, "has a control character"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "a\x7f"}, "has a control character"},
		{Response, Rule{Op: Set, Name: "X-A", Value: " a"}, "begins or ends with a blank"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "a\t"}, "begins or ends with a blank"},
		{Response, Rule{Op: Set, Name: "X-A", Value: strings.Repeat("x", MaxValueBytes)}, ""},
		{Response, Rule{Op: Set, Name: "X-A", Value: strings.Repeat("x", MaxValueBytes+1)}, "at most 8192"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "$host {remote_addr}"}, `has "{remote_addr}", which is not a placeholder; write one of {client_ip}, {host}, {request_id} and {scheme}, or {{ and }} for braces`},
		{Response, Rule{Op: Set, Name: "X-A", Value: "{Host}"}, `has "{Host}"`},
		{Response, Rule{Op: Set, Name: "X-A", Value: "{}"}, `has "{}"`},
		{Response, Rule{Op: Set, Name: "NEL", Value: `{"report_to":"x"}`}, "which is not a placeholder"},
		{Response, Rule{Op: Set, Name: "NEL", Value: `{{"report_to":"x"}}`}, ""},
		{Response, Rule{Op: Set, Name: "X-A", Value: "a{host"}, "has a { that does not begin a placeholder"},
		{Response, Rule{Op: Set, Name: "X-A", Value: "host}"}, "has a } that does not end a placeholder"},
	} {
		err := tt.message.Check(tt.rule)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%q: got %v, want no error", tt.rule, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: got the error %v, want %q", tt.rule, err, tt.want)
		}
	}
}

func TestAnErrorIsOneLine(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b[31m", strings.Repeat("é", 500)} {
		for _, rule := range []Rule{{Op: Remove, Name: name}, {Op: Set, Name: "X-A", Value: "{" + name + "}"}} {
			if got := refused(t, Response, rule); strings.ContainsAny(got, "\n\x1b") || len(got) > 400 {
				t.Errorf("got %q, want a short line", got)
			}
		}
	}
}
