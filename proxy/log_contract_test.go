package proxy

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hostileValues are what attackers put into hosts, methods and paths to forge lines and fields.
var hostileValues = []string{
	"",
	" ",
	"/\n2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=1.2.3.4 host=a path=/ status=429",
	"/\r\n2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=1.2.3.4 host=a path=/ status=429\r\n",
	"/\u20282026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=1.2.3.4 host=a path=/ status=429\u2028",
	"/\u0085\x0b\x0c2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=1.2.3.4 host=a path=/ status=429",
	" WARN RATE_LIMIT client_ip=1.2.3.4 host=a path=/ status=429",
	`x" RATE_LIMIT client_ip=1.2.3.4 host="x`,
	`x\" RATE_LIMIT client_ip=1.2.3.4 host=\"x`,
	`","event":"RATE_LIMIT","client_ip":"1.2.3.4","host":"x","path":"/","status":429}`,
	"\"}\n{\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"WARN\",\"event\":\"RATE_LIMIT\",\"client_ip\":\"1.2.3.4\"," +
		"\"host\":\"x\",\"path\":\"/\",\"status\":429}",
	"client_ip=1.2.3.4",
	"1.2.3.4",
	"\x1b[2K\x1b[1A\x1b[31mWARN RATE_LIMIT client_ip=1.2.3.4",
	"\x00\x01\x7f\x80\xff\xfe\xc0\xaf",
	"a\\", "a=b", "%0a%20client_ip%3d1.2.3.4",
	"/é/😀/\ufeff",
	"/" + strings.Repeat("\n", 3000),
}

// logEveryEvent writes each event of the daemon once, with the keys that belong to it.
func logEveryEvent(l *Logger) {
	ip := netip.MustParseAddr("203.0.113.50")
	rec := sampleRecord()
	l.Log(LevelInfo, "STARTUP", Int("step", 1), Str("name", "config"), Millis("duration_ms", 12*time.Millisecond))
	logRequest(l, rec)
	logRequest(l, accessRecord{ClientIP: netip.MustParseAddr("::ffff:203.0.113.9"), Method: "GET", Path: "/", Status: 404})
	cut := sampleRecord()
	cut.Path, cut.Status, cut.EndedBy = "/socket", 101, "body_idle_timeout_secs"
	logRequest(l, cut)
	logRateLimit(l, accessRecord{ClientIP: ip, Host: rec.Host, Method: "POST", Path: "/login", Status: 429}, 0)
	logRateLimit(l, accessRecord{ClientIP: netip.MustParseAddr("2001:db8::7"), Host: rec.Host, Path: "/login"}, 0)
	logUpstreamError(l, rec.Host, rec.Upstream, syscall.ECONNREFUSED)
	l.Log(LevelInfo, "UPSTREAM_ADDRESSES", Str("name", "app.internal"), Str("old", "10.0.0.1"), Str("new", "10.0.0.2,10.0.0.3"))
	l.Log(LevelWarn, "UPSTREAM_LOOKUP", Str("name", "app.internal"), Str("error", "lookup app.internal: no such host"), Str("kept", "10.0.0.1"))
	l.Log(LevelInfo, "BAD_REQUEST", Addr("client_ip", ip), Int("status", 400), Str("error", "bare CR or LF in the head"))
	l.Log(LevelWarn, "HTTP2_ABUSE", Addr("client_ip", ip), Str("code", "ENHANCE_YOUR_CALM"), Str("error", "streams reset in bulk"))
	l.Log(LevelWarn, "CONNECTION_REFUSED", Addr("client_ip", ip), Str("limit", "max_connections_per_client"), Int("held", 256), Int("share", 256))
	l.Log(LevelWarn, "CONNECTION_CUT", Addr("client_ip", ip), Str("limit", "max_connections_per_client"), Int("held", 900), Int("share", 256))
	l.Log(LevelWarn, "UPSTREAM_SHARE", Addr("client_ip", ip), Str("host", "git.example.com"), Str("upstream", "127.0.0.1:3000"), Str("limit", "client"), Int("held", 900), Int("share", 256))
	l.Log(LevelWarn, "ANSWER_SHARE", Addr("client_ip", ip), Int("held", 9437184), Int("share", 4194304))
	l.Log(LevelDebug, "CLIENT_GONE", Addr("client_ip", ip), Str("host", rec.Host), Err(errors.New("context canceled")))
	l.Log(LevelDebug, "CONNECTION_ERROR", Str("listener", "127.0.0.1:443"), Addr("client_ip", ip),
		Err(errors.New("tls: client offered only unsupported versions: [301]")))
	l.Log(LevelDebug, "CONNECTION_ERROR", Str("listener", "127.0.0.1:443"),
		Str("error", "http: TLS handshake error from 203.0.113.50:4711: EOF"))
	l.Log(LevelError, "PANIC", Addr("client_ip", ip), Err(errors.New("runtime error: index out of range [5] with length 3")),
		Str("stack", "goroutine 1 [running]:\nmain.main()\n"))
	l.Log(LevelWarn, "TLS_REFUSED", Addr("client_ip", ip), Str("server_name", "other.example.com"),
		Err(errors.New("no certificate covers this name")))
	l.Repeating(LevelError, "accept 127.0.0.1:443", "ACCEPT_ERROR", Str("listener", "127.0.0.1:443"), Err(syscall.EMFILE))
	l.Log(LevelInfo, "SHUTDOWN", Str("phase", "drain"), Int("requests_in_flight", 3))
	l.Log(LevelInfo, "SHUTDOWN", Str("phase", "done"), Str("status", "complete"), Int("requests_cut", 0))
	l.Log(LevelInfo, "CONFIG_RELOAD", Str("status", "success"), Int("sites", 2))
	l.Log(LevelError, "CONFIG_RELOAD", Str("status", "error"), Int("errors", 1))
	l.Log(LevelError, "CONFIG_ERROR", Str("key", "listeners[1].sites[0].upstream"), Err(errors.New("port 0 is out of range")))
	l.Log(LevelWarn, "CONFIG_DRIFT", Str("key", "max_connections"), Str("running", "1024"), Str("file", "2048"),
		Str("action", "restart to apply"))
	l.Log(LevelWarn, "ADMIN_REFUSED", Int("uid", 1000))
	l.Log(LevelWarn, "ADMIN_SOCKET_IN_USE", Str("path", "/run/reverse-proxy/admin.sock"), Err(errors.New("a process answers")))
	SandboxStatus{State: sandboxOn, LandlockABI: 7}.log(l)
	SandboxStatus{State: sandboxUnavailable, Error: "the kernel was built without Landlock"}.log(l)
	directory := Str("directory", "https://acme.example.com/directory")
	l.Log(LevelInfo, "ACME_PROVISION", Str("domain", rec.Host), Str("source", "order"), directory,
		Str("not_after", "2026-04-02T03:04:05Z"))
	l.Log(LevelInfo, "ACME_RENEWED", Str("domain", rec.Host), directory, Str("not_after", "2026-04-02T03:04:05Z"))
	l.Log(LevelWarn, "ACME_ERROR", Str("domain", rec.Host), directory,
		Err(errors.New("429 rateLimited: too many certificates")), Str("next_try", "2026-01-02T03:14:05Z"))
	l.Log(LevelWarn, "ACME_UNREACHABLE", directory, Err(errors.New("connection refused")),
		Str("next_try", "2026-01-02T03:14:05Z"))
	l.Log(LevelWarn, "CERT_EXPIRES", Str("domain", rec.Host), Str("listener", "127.0.0.1:443"),
		Str("not_after", "2026-01-09T00:00:00Z"), Int("days_left", 6))
	l.Log(LevelError, "CERT_EXPIRED", Str("domain", rec.Host), Str("listener", "127.0.0.1:443"),
		Str("not_after", "2026-01-01T00:00:00Z"))
	l.Log(LevelInfo, "LOG_REOPENED", Str("status", "success"))
	l.write(l.line(LevelWarn, "LOG_DROPPED", Str("sink", "stdout"), Int("lines", 1234)), atOnce)
	l.write(l.line(LevelError, "LOG_WRITE_ERROR", Str("sink", "file"),
		Err(&os.PathError{Op: "write", Path: "/var/log/reverse-proxy/proxy.log", Err: syscall.ENOSPC}), Int("lines", 3)), atOnce)
	for _, v := range hostileValues {
		logRequest(l, accessRecord{ClientIP: ip, Host: v, Method: v, Path: v, Status: 400, Upstream: v})
	}
	// What Repeating held back comes when the Logger is closed.
	l.Repeating(LevelError, "accept 127.0.0.1:443", "ACCEPT_ERROR", Str("listener", "127.0.0.1:443"), Err(syscall.EMFILE))
}

// TestLayout is the contract of the log's layout: whoever changes a golden file breaks the programs that read the log.
// Run it with UPDATE_GOLDEN=1 to write the files anew.
func TestLayout(t *testing.T) {
	for _, format := range []Format{FormatText, FormatJSON} {
		t.Run(string(format)+" lines are those of the golden file, on stdout and in the log file", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "reverse-proxy.log")
			var stdout bytes.Buffer
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(826*24*time.Hour + 3*time.Hour + 4*time.Minute + 5678*time.Millisecond) // a time that shows all digits
				l, err := NewLogger(LoggingConfig{Level: LevelTrace, Format: format, FilePath: path}, &stdout)
				if err != nil {
					t.Fatal(err)
				}
				logEveryEvent(l)
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			})
			golden := filepath.Join("..", "testdata", "log", "events."+string(format)+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.SplitAfter(string(want), "\n"), strings.SplitAfter(stdout.String(), "\n")); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(file, stdout.Bytes()) {
				t.Errorf("the log file differs from stdout: got %d bytes, want %d", len(file), stdout.Len())
			}
		})
	}
}

func TestTextAndJSONHaveTheSameKeysInTheSameOrder(t *testing.T) {
	text, textTaken := capturingLogger(LoggingConfig{Level: LevelTrace})
	asJSON, jsonTaken := capturingLogger(LoggingConfig{Level: LevelTrace, Format: FormatJSON})
	logEveryEvent(text)
	logEveryEvent(asJSON)
	text.repeats.stop()
	asJSON.repeats.stop()
	textLines := strings.SplitAfter(textTaken(), "\n")
	jsonLines := strings.SplitAfter(jsonTaken(), "\n")
	if len(textLines) != len(jsonLines) {
		t.Fatalf("got %d JSON lines, want %d", len(jsonLines), len(textLines))
	}
	for i := range len(textLines) - 1 {
		want, err := parseTextLine(textLines[i])
		if err != nil {
			t.Fatalf("%q: %v", textLines[i], err)
		}
		got, err := parseJSONLine(jsonLines[i])
		if err != nil {
			t.Fatalf("%q: %v", jsonLines[i], err)
		}
		want[0].Value, got[0].Value = "", "" // the time
		for j := range want {
			want[j].Value = string([]rune(want[j].Value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line %d (-text +json):\n%s", i+1, diff)
		}
	}
}
