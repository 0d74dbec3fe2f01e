package steps

import (
	"testing"
)

func TestRawBytes(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"lines end in CRLF", "GET / HTTP/1.1\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"a backslash at the end joins lines", "abc\\\ndef\\", "abcdef"},
		{"escapes are bytes", `a\r\n\t\0\x7f\\b\`, "a\r\n\t\x00\x7f\\b"},
		{"nothing is one line end", "", "\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := rawBytes(test.text)
			if err != nil || got != test.want {
				t.Errorf("got %q and the error %v, want %q", got, err, test.want)
			}
		})
	}
	for _, wrong := range []string{`\q`, `\x1`, `\xzz`} {
		if got, err := rawBytes(wrong); err == nil {
			t.Errorf("%s: got %q, want an error", wrong, got)
		}
	}
}

func TestNextAnswerDistinguishesWholeAnswersFromOthers(t *testing.T) {
	tests := []struct {
		name, method, bytes string
		closed              bool
		status              int // 0 for an incomplete answer
		body, rest          string
	}{
		{"a length has come", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1", false, 200, "ok", "HTTP/1.1"},
		{"a length has not come yet", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", false, 0, "", ""},
		{"half a head has come", "GET", "HTTP/1.1 200 OK\r\nConte", false, 0, "", ""},
		{"chunks have their end", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, 200, "ok", ""},
		{"chunks lack their end", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false, 0, "", ""},
		{"a body ends with the connection", "GET", "HTTP/1.0 200 OK\r\n\r\nok", true, 200, "ok", ""},
		{"a body may go on", "GET", "HTTP/1.0 200 OK\r\n\r\nok", false, 0, "", ""},
		{"HEAD has no body", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &rawConn{method: test.method, ended: make(chan struct{})}
			if test.closed {
				close(c.ended)
			}
			_, _ = c.in.Write([]byte(test.bytes))
			x, err := c.nextAnswer()
			if test.status == 0 {
				if err == nil {
					t.Errorf("got the answer %d %q, want none", x.status, x.body)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if x.status != test.status || string(x.body) != test.body || c.rest() != test.rest {
				t.Errorf("got %d %q and then %q, want %d %q and then %q", x.status, x.body, c.rest(), test.status, test.body, test.rest)
			}
		})
	}
}
