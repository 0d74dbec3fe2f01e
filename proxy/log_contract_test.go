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

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/sandbox"
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

// logUpstreamEvents writes the events about several upstreams.
func logUpstreamEvents(l *eventlog.Logger) {
	change := balance.Change{Key: balance.Key{Site: balance.Site{Host: "git.example.com"}, Address: "127.0.0.1:3000"}, Down: true, Err: syscall.ECONNREFUSED}
	logUpstreamChange(l)(change)
	change.Address, change.Checked, change.Err = "127.0.0.1:3001", true, errors.New("the check got the status 500, and expects 200")
	logUpstreamChange(l)(change)
	change.Down, change.After = false, 90*time.Second
	logUpstreamChange(l)(change)
	r := siteTo("git.example.com", "127.0.0.1:3000", "http")
	r.logRetry(l, "127.0.0.1:3000", "127.0.0.1:3001", errNotConnected{syscall.ECONNREFUSED})
	r.logBudgetUsedUp(l)
	l.Log(eventlog.LevelInfo, "UPSTREAM_DRAIN", eventlog.Str("host", "git.example.com"), eventlog.Str("upstream", "127.0.0.1:3000"), eventlog.Str("status", "on"))
	r.logFailOpen(l)
}

// logEveryEvent writes each event of the daemon once, with its keys.
func logEveryEvent(l *eventlog.Logger) {
	ip := netip.MustParseAddr("203.0.113.50")
	rec := sampleRecord()
	l.Log(eventlog.LevelInfo, "STARTUP", eventlog.Int("step", 1), eventlog.Str("name", "config"), eventlog.Millis("duration_ms", 12*time.Millisecond))
	logRequest(l, &rec)
	logRequest(l, &accessRecord{ClientIP: netip.MustParseAddr("::ffff:203.0.113.9"), Method: "GET", Path: "/", Status: 404})
	cut := sampleRecord()
	cut.Path, cut.Status, cut.EndedBy = "/socket", 101, "body_idle_timeout_secs"
	logRequest(l, &cut)
	routed := sampleRecord()
	routed.Path, routed.Route = "/api/x", "/api"
	logRequest(l, &routed)
	routed.Route, routed.EndedBy = "/a b", "body_idle_timeout_secs"
	logRequest(l, &routed)
	logRequest(l, &accessRecord{ClientIP: ip, Host: rec.Host, Method: "GET", Path: "/x/..;/api", Status: 400, Problem: errAmbiguousPath})
	named := sampleRecord()
	named.RequestID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
	logRequest(l, &named)
	named.Route, named.Problem = "/api", errAmbiguousPath
	logRequest(l, &named)
	logRateLimit(l, &named, refusal{site: rec.Host, route: "/api", unlogged: 7})
	logRateLimit(l, &accessRecord{ClientIP: ip, Host: rec.Host, Method: "POST", Path: "/login", Status: 429}, refusal{})
	logRateLimit(l, &accessRecord{ClientIP: netip.MustParseAddr("2001:db8::7"), Host: rec.Host, Path: "/login"}, refusal{})
	logRateLimit(l, &accessRecord{ClientIP: ip, Host: rec.Host, Path: "/blame"}, refusal{site: rec.Host, route: "/blame", unlogged: 7})
	logSharedLimit(l, &accessRecord{ClientIP: ip, Host: rec.Host, Path: "/blame"}, refusal{limit: limit.OfTotal, site: rec.Host})
	logSharedLimit(l, &accessRecord{ClientIP: ip, Host: rec.Host, Path: "/blame"}, refusal{limit: limit.OfConcurrent, site: rec.Host, route: "/blame"})
	logAuthFailed(l, &accessRecord{ClientIP: ip, Host: rec.Host, Path: "/admin"}, 401, "")
	logAuthFailed(l, &named, 401, "ann")
	logUpstreamError(l, rec.Host, rec.Upstream, syscall.ECONNREFUSED)
	logUpstreamEvents(l)
	l.Log(eventlog.LevelInfo, "UPSTREAM_ADDRESSES", eventlog.Str("name", "app.internal"), eventlog.Str("old", "10.0.0.1"), eventlog.Str("new", "10.0.0.2,10.0.0.3"))
	l.Log(eventlog.LevelWarn, "UPSTREAM_LOOKUP", eventlog.Str("name", "app.internal"), eventlog.Str("error", "lookup app.internal: no such host"), eventlog.Str("kept", "10.0.0.1"))
	l.Log(eventlog.LevelInfo, "BAD_REQUEST", eventlog.Addr("client_ip", ip), eventlog.Int("status", 400), eventlog.Str("error", "bare CR or LF in the head"))
	l.Log(eventlog.LevelInfo, "BAD_REQUEST", eventlog.Addr("client_ip", ip), eventlog.Int("status", 400), eventlog.Str("error", "bare CR or LF in the head"), eventlog.Str("request_id", named.RequestID))
	l.Log(eventlog.LevelWarn, "HTTP2_ABUSE", eventlog.Addr("client_ip", ip), eventlog.Str("code", "ENHANCE_YOUR_CALM"), eventlog.Str("error", "streams reset in bulk"))
	l.Log(eventlog.LevelWarn, "CONNECTION_REFUSED", eventlog.Addr("client_ip", ip), eventlog.Str("limit", "max_connections_per_client"), eventlog.Int("held", 256), eventlog.Int("share", 256))
	l.Log(eventlog.LevelWarn, "CONNECTION_CUT", eventlog.Addr("client_ip", ip), eventlog.Str("limit", "max_connections_per_client"), eventlog.Int("held", 900), eventlog.Int("share", 256))
	l.Log(eventlog.LevelWarn, "UPSTREAM_SHARE", eventlog.Addr("client_ip", ip), eventlog.Str("host", "git.example.com"), eventlog.Str("upstream", "127.0.0.1:3000"), eventlog.Str("limit", "client"), eventlog.Int("held", 900), eventlog.Int("share", 256))
	l.Log(eventlog.LevelWarn, "PROXY_REFUSED", eventlog.Addr("peer_ip", ip), eventlog.Str("listener", "203.0.113.10:443"), eventlog.Str("error", errNotTrusted.Error()))
	l.Log(eventlog.LevelWarn, "ANSWER_SHARE", eventlog.Addr("client_ip", ip), eventlog.Int("held", 9437184), eventlog.Int("share", 4194304))
	l.Log(eventlog.LevelDebug, "CLIENT_GONE", eventlog.Addr("client_ip", ip), eventlog.Str("host", rec.Host), eventlog.Err(errors.New("context canceled")))
	l.Log(eventlog.LevelDebug, "CONNECTION_ERROR", eventlog.Str("listener", "127.0.0.1:443"), eventlog.Addr("client_ip", ip),
		eventlog.Err(errors.New("tls: client offered only unsupported versions: [301]")))
	l.Log(eventlog.LevelDebug, "CONNECTION_ERROR", eventlog.Str("listener", "127.0.0.1:443"),
		eventlog.Str("error", "http: TLS handshake error from 203.0.113.50:4711: EOF"))
	l.Log(eventlog.LevelError, "PANIC", eventlog.Addr("client_ip", ip), eventlog.Err(errors.New("runtime error: index out of range [5] with length 3")),
		eventlog.Str("stack", "goroutine 1 [running]:\nmain.main()\n"))
	l.Log(eventlog.LevelWarn, "TLS_REFUSED", eventlog.Addr("client_ip", ip), eventlog.Str("server_name", "other.example.com"),
		eventlog.Err(errors.New("no certificate covers this name")))
	l.Repeating(eventlog.LevelError, "accept 127.0.0.1:443", "ACCEPT_ERROR", eventlog.Str("listener", "127.0.0.1:443"), eventlog.Err(syscall.EMFILE))
	l.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("phase", "drain"), eventlog.Int("requests_in_flight", 3))
	l.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("phase", "done"), eventlog.Str("status", "complete"), eventlog.Int("requests_cut", 0))
	l.Log(eventlog.LevelInfo, "CONFIG_RELOAD", eventlog.Str("status", "success"), eventlog.Int("sites", 2))
	l.Log(eventlog.LevelError, "CONFIG_RELOAD", eventlog.Str("status", "error"), eventlog.Int("errors", 1))
	l.Log(eventlog.LevelError, "CONFIG_ERROR", eventlog.Str("key", "listeners[1].sites[0].upstream"), eventlog.Err(errors.New("port 0 is out of range")),
		eventlog.Int("line", 12), eventlog.Str("host", rec.Host))
	l.Log(eventlog.LevelWarn, "CONFIG_DRIFT", eventlog.Str("key", "max_connections"), eventlog.Str("running", "1024"), eventlog.Str("file", "2048"),
		eventlog.Str("action", "restart to apply"))
	l.Log(eventlog.LevelWarn, "ADMIN_REFUSED", eventlog.Int("uid", 1000))
	l.Log(eventlog.LevelWarn, "ADMIN_SOCKET_IN_USE", eventlog.Str("path", "/run/reverse-proxy/admin.sock"), eventlog.Err(errors.New("a process answers")))
	sandbox.Status{State: config.SandboxOn, LandlockABI: 7}.Log(l)
	sandbox.Status{State: "unavailable", Error: "the kernel was built without Landlock"}.Log(l)
	directory := eventlog.Str("directory", "https://acme.example.com/directory")
	l.Log(eventlog.LevelInfo, "ACME_PROVISION", eventlog.Str("domain", rec.Host), eventlog.Str("source", "order"), directory,
		eventlog.Str("not_after", "2026-04-02T03:04:05Z"))
	l.Log(eventlog.LevelError, "ACME_MISSING", eventlog.Str("domain", rec.Host), eventlog.Str("listener", "127.0.0.1:443"),
		eventlog.Err(errors.New("429 rateLimited: too many certificates")))
	l.Log(eventlog.LevelInfo, "ACME_RENEWAL_INFO", eventlog.Str("domain", rec.Host), directory, eventlog.Str("window_start", "2026-03-02T03:04:05Z"),
		eventlog.Str("window_end", "2026-03-04T03:04:05Z"), eventlog.Str("renew_at", "2026-03-03T01:04:05Z"))
	l.Log(eventlog.LevelInfo, "ACME_ACCOUNT", directory, eventlog.Str("account", "https://acme.example.com/acct/1"),
		eventlog.Str("contact", "mailto:ops@example.com"), eventlog.Str("status", "valid"))
	l.Log(eventlog.LevelInfo, "ACME_WAITING", eventlog.Str("domain", rec.Host), directory, eventlog.Int("pid", 4711))
	l.Log(eventlog.LevelInfo, "ACME_WAITING", eventlog.Str("domain", rec.Host), directory, eventlog.Str("machine", "edge2 pid 4711"))
	store := eventlog.Str("store", "redis://10.0.0.9:6379/0")
	l.Log(eventlog.LevelWarn, "STORE_AWAY", store, eventlog.Err(errors.New("no answer within 3s")))
	l.Log(eventlog.LevelInfo, "STORE_BACK", store)
	l.Log(eventlog.LevelWarn, "STORE_VALUE", eventlog.Str("value", "tickets"), eventlog.Err(errors.New("it holds no keys")))
	l.Log(eventlog.LevelInfo, "ACME_RENEWED", eventlog.Str("domain", rec.Host), eventlog.Str("source", "order"), directory, eventlog.Str("not_after", "2026-04-02T03:04:05Z"))
	l.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("domain", rec.Host), directory,
		eventlog.Err(errors.New("429 rateLimited: too many certificates")), eventlog.Str("next_try", "2026-01-02T03:14:05Z"))
	l.Log(eventlog.LevelWarn, "ACME_UNREACHABLE", directory, eventlog.Err(errors.New("connection refused")),
		eventlog.Str("next_try", "2026-01-02T03:14:05Z"))
	l.Log(eventlog.LevelWarn, "CERT_EXPIRES", eventlog.Str("domain", rec.Host), eventlog.Str("listener", "127.0.0.1:443"),
		eventlog.Str("not_after", "2026-01-09T00:00:00Z"), eventlog.Int("days_left", 6))
	l.Log(eventlog.LevelError, "CERT_EXPIRED", eventlog.Str("domain", rec.Host), eventlog.Str("listener", "127.0.0.1:443"),
		eventlog.Str("not_after", "2026-01-01T00:00:00Z"))
	certificate := eventlog.Str("certificate", "/etc/reverse-proxy/proxy.pem")
	l.Log(eventlog.LevelWarn, "UPSTREAM_CERT_EXPIRES", eventlog.Str("host", rec.Host), certificate,
		eventlog.Str("not_after", "2026-01-09T00:00:00Z"), eventlog.Int("days_left", 6))
	l.Log(eventlog.LevelError, "UPSTREAM_CERT_EXPIRED", eventlog.Str("host", rec.Host), certificate,
		eventlog.Str("not_after", "2026-01-01T00:00:00Z"))
	l.Log(eventlog.LevelInfo, "MAINTENANCE", eventlog.Str("host", rec.Host), eventlog.Str("status", "on"), eventlog.Int("for_secs", 600))
	l.Log(eventlog.LevelInfo, "PAUSE", eventlog.Str("host", rec.Host), eventlog.Str("status", "over"), eventlog.Int("waited", 12))
	l.Log(eventlog.LevelInfo, "LOG_REOPENED", eventlog.Str("status", "success"))
	l.Log(eventlog.LevelWarn, "LOG_DROPPED", eventlog.Str("sink", "stdout"), eventlog.Int("lines", 1234))
	l.Log(eventlog.LevelError, "LOG_WRITE_ERROR", eventlog.Str("sink", "file"),
		eventlog.Err(&os.PathError{Op: "write", Path: "/var/log/reverse-proxy/proxy.log", Err: syscall.ENOSPC}), eventlog.Int("lines", 3))
	for _, v := range hostileValues {
		logRequest(l, &accessRecord{ClientIP: ip, Host: v, Method: v, Path: v, Status: 400, Upstream: v})
	}
	// The lines that Repeating held back come when the Logger is closed.
	l.Repeating(eventlog.LevelError, "accept 127.0.0.1:443", "ACCEPT_ERROR", eventlog.Str("listener", "127.0.0.1:443"), eventlog.Err(syscall.EMFILE))
}

// TestLayout checks the contract of the log's layout: changing a golden file breaks the programs that read the log.
// Run it with UPDATE_GOLDEN=1 to rewrite the files.
func TestLayout(t *testing.T) {
	for _, format := range []eventlog.Format{eventlog.FormatText, eventlog.FormatJSON} {
		t.Run(string(format)+" lines are those of the golden file, on stdout and in the log file", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "reverse-proxy.log")
			var stdout bytes.Buffer
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(826*24*time.Hour + 3*time.Hour + 4*time.Minute + 5678*time.Millisecond) // a time that shows all digits
				l, err := eventlog.New(eventlog.Options{Level: eventlog.LevelTrace, Format: format, FilePath: path}, &stdout)
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
	text, textTaken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Level: eventlog.LevelTrace})
	asJSON, jsonTaken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Level: eventlog.LevelTrace, Format: eventlog.FormatJSON})
	logEveryEvent(text)
	logEveryEvent(asJSON)
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
