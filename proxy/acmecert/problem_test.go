package acmecert

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestACMEProblems(t *testing.T) {
	for _, tc := range []struct {
		name        string
		status      int
		contentType string
		body        string
		want        []string
	}{
		{"a problem document is told", 403, "application/problem+json", `{"type":"urn:x:unauthorized","detail":"no"}`,
			[]string{"urn:x:unauthorized: no"}},
		{"the subproblems of a problem document are told", 400, "application/problem+json",
			`{"type":"a","detail":"b","subproblems":[{"type":"c","detail":"d"}]}`, []string{"a: b", "c: d"}},
		{"an error that is not JSON is told", 503, "text/html", "<html>\r\nbusy</html>",
			[]string{"HTTP 503 Service Unavailable: <html>  busy</html>"}},
		{"an error without a body is told by its status", 502, "", "", []string{"HTTP 502 Bad Gateway"}},
		{"an error of empty JSON is told by its status", 500, "application/problem+json", "{}",
			[]string{"HTTP 500 Internal Server Error: {}"}},
		{"the challenges of an invalid authorization are told", 200, "application/json; charset=utf-8",
			`{"status":"invalid","challenges":[{"type":"http-01"},{"error":{"type":"t","detail":"d"}}]}`, []string{"t: d"}},
		{"the error of an invalid order is told", 200, "application/json", `{"status":"invalid","error":{"type":"t","detail":"d"}}`,
			[]string{"t: d"}},
		{"an authorization that is pending is no problem", 200, "application/json",
			`{"status":"pending","challenges":[{"error":{"type":"t","detail":"d"}}]}`, nil},
		{"a certificate is no problem", 200, "application/pem-certificate-chain", "-----BEGIN CERTIFICATE-----", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, p := range problemsIn(tc.status, tc.contentType, []byte(tc.body)) {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		name, value string
		want        time.Duration
	}{
		{"the value is in seconds", "120", 2 * time.Minute},
		{"the value is a date", "Fri, 02 Jan 2026 03:05:05 GMT", time.Minute},
		{"the date is over", "Fri, 02 Jan 2026 03:03:05 GMT", 0},
		{"the field is missing", "", 0},
		{"the number is negative", "-5", 0},
		{"the value is a word", "soon", 0},
		{"the number is larger than any wait", "9223372036854775807", maxRetryAfter},
		{"the date is in the far future", "Fri, 01 Jan 9999 00:00:00 GMT", maxRetryAfter},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := parseRetryAfter(tc.value, now); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestClipText(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"a short text stays", "no such name", "no such name"},
		{"line ends and escapes become spaces", "a\r\nb\x1b[0m\u2028c\u0085d", "a  b [0m c d"},
		{"a long text is cut and marked", strings.Repeat("x", 30), strings.Repeat("x", 20) + "…"},
		{"a character is not cut in two", strings.Repeat("x", 19) + "éé", strings.Repeat("x", 19) + "…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := clipText(tc.in, 20); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzACMEProblems(f *testing.F) {
	f.Add(403, "application/problem+json", []byte(`{"type":"urn:x","detail":"no\nway","subproblems":[{}]}`))
	f.Add(200, "application/json", []byte(`{"status":"invalid","challenges":[{"error":{"type":"t"}}]}`))
	f.Add(503, "text/html; charset=\"", []byte("<html>\xff"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		problems := problemsIn(status, contentType, body)
		if len(problems) > maxProblems+1 {
			t.Fatalf("got %d problems, want at most %d", len(problems), maxProblems+1)
		}
		for _, p := range problems {
			s := p.String()
			if len(s) > maxTextBytes*3+len("…") || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Fatalf("got %q, want a clipped line of text", s)
			}
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 02 Jan 2026 03:05:05 GMT")
	f.Add("18446744073709551616")
	f.Fuzz(func(t *testing.T, value string) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		if got := parseRetryAfter(value, now); got < 0 || got > maxRetryAfter {
			t.Fatalf("%q: got %v, want between 0 and %v", value, got, maxRetryAfter)
		}
	})
}
