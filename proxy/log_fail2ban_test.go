package proxy

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
	"reverse-proxy/proxy/limit"
)

// fail2banFilter is the shipped filter for lines of both formats.
var fail2banFilter = filepath.Join("..", "deploy", "fail2ban", "filter.d", "reverse-proxy.conf")

// logFormats are the formats that the filter reads.
var logFormats = []eventlog.Format{eventlog.FormatText, eventlog.FormatJSON}

// needFail2ban skips the test if fail2ban is not installed, and fails it in CI.
func needFail2ban(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed; in CI it must be: install the package fail2ban", tool)
	}
	t.Skipf("%s is not installed; install the package fail2ban", tool)
}

// bannedBy returns what the real fail2ban-regex extracts from each line of the log that the filter matches, in order.
func bannedBy(t *testing.T, filter, output, log string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reverse-proxy.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("fail2ban-regex", "-o", output, path, filter)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { // it exits 1 when no line matches
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Fatalf("fail2ban-regex: %s", &stderr)
	}
	return strings.Fields(string(out))
}

func TestFail2banBansTheClientsOfRateLimitLines(t *testing.T) {
	needFail2ban(t, "fail2ban-regex")
	for _, format := range logFormats {
		t.Run(string(format), func(t *testing.T) {
			l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: format})
			var want []string
			for _, tt := range []struct{ ip, want string }{
				{"203.0.113.50", "203.0.113.50"},
				{"2001:db8::7", "2001:db8::7"},
				{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
				{"::ffff:198.51.100.9", "198.51.100.9"},
				{"fe80::1%eth0", "fe80::1"},
			} {
				rec := sampleRecord()
				rec.ClientIP = netip.MustParseAddr(tt.ip)
				logRateLimit(l, &rec, refusal{})
				logRequest(l, &rec)
				want = append(want, tt.want)
			}
			// Keys that a later version appends must not blind the filter.
			l.Log(eventlog.LevelWarn, "RATE_LIMIT", eventlog.Str("client_ip", "203.0.113.51"), eventlog.Str("host", "-"), eventlog.Str("path", "/"), eventlog.Int("status", 429), eventlog.Str("limit", "client"),
				eventlog.Str("user_agent", `a "b" c=d`), eventlog.Int("port", 443))
			want = append(want, "203.0.113.51")
			// A limit of all clients together bans none of them.
			for _, kind := range []limit.Kind{limit.OfTotal, limit.OfConcurrent} {
				rec := sampleRecord()
				logSharedLimit(l, &rec, refusal{limit: kind, site: "git.example.com"})
				logSharedLimit(l, &rec, refusal{limit: kind, site: "git.example.com", route: "/limit=client"})
			}
			if diff := cmp.Diff(want, bannedBy(t, fail2banFilter, "<ip>", taken())); diff != "" {
				t.Errorf("banned addresses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFail2banReadsTheTimeOfALineAsUTC(t *testing.T) {
	needFail2ban(t, "fail2ban-regex")
	for format, line := range map[eventlog.Format]string{
		eventlog.FormatText: "2026-01-02T03:04:05.678Z WARN RATE_LIMIT client_ip=203.0.113.50 host=git.example.com path=/login status=429 limit=client\n",
		eventlog.FormatJSON: `{"time":"2026-01-02T03:04:05.678Z","level":"WARN","event":"RATE_LIMIT","client_ip":"203.0.113.50",` +
			`"host":"git.example.com","path":"/login","status":429,"limit":"client"}` + "\n",
	} {
		t.Setenv("TZ", "America/New_York")
		got := bannedBy(t, fail2banFilter, "<ip> <time>", line)
		if diff := cmp.Diff([]string{"203.0.113.50", "1767323045"}, got); diff != "" {
			t.Errorf("%s: address and time (-want +got):\n%s", format, diff)
		}
	}
}

func TestForgedLinesBanNobodyElse(t *testing.T) {
	needFail2ban(t, "fail2ban-regex")
	values := append([]string(nil), hostileValues...)
	tokens := append([]string{"\n", "\r", " ", `"`, `\`, "=", "{", "}", ",", ":", "\u2028", "\x85", "\x00", "\x1b[2J", "WARN",
		"RATE_LIMIT", "client_ip=1.2.3.4", `"client_ip":"1.2.3.4"`, "1.2.3.4", "host=a", "path=/", "status=429", `"status":429`,
		"2026-01-02T03:04:05.678Z"}, hostileValues[2:10]...)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var v strings.Builder
		for range 1 + random.IntN(12) {
			v.WriteString(tokens[random.IntN(len(tokens))])
		}
		values = append(values, v.String())
	}
	own := netip.MustParseAddr("203.0.113.50")
	for _, format := range logFormats {
		t.Run(string(format), func(t *testing.T) {
			var log strings.Builder
			want := 0
			for _, v := range values {
				l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Level: eventlog.LevelTrace, Format: format})
				rec := accessRecord{ClientIP: own, Host: v, Method: v, Path: v, Status: 429, Upstream: v}
				logRequest(l, &rec)
				logRateLimit(l, &rec, refusal{})
				want++
				l.Log(eventlog.LevelWarn, "UPSTREAM_ERROR", eventlog.Str("host", v), eventlog.Str("upstream", v), eventlog.Err(textError(v)))
				l.Log(eventlog.LevelWarn, "TLS_REFUSED", eventlog.Addr("client_ip", own), eventlog.Str("server_name", v), eventlog.Err(textError(v)))
				log.WriteString(taken())
			}
			banned := bannedBy(t, fail2banFilter, "<ip>", log.String())
			if len(banned) != want {
				t.Errorf("got %d matches, want %d: each RATE_LIMIT line and nothing else", len(banned), want)
			}
			for _, ip := range banned {
				if ip != own.String() {
					t.Errorf("got %s banned, want only %s", ip, own)
				}
			}
		})
	}
}

func TestALineThatWasCutShortBansNobody(t *testing.T) {
	needFail2ban(t, "fail2ban-regex")
	for _, format := range logFormats {
		t.Run(string(format), func(t *testing.T) {
			l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: format})
			rec := sampleRecord()
			logRateLimit(l, &rec, refusal{})
			line := strings.TrimSuffix(taken(), "\n")
			var torn strings.Builder
			for i := range len(line) {
				torn.WriteString(line[:i] + "\n")
			}
			if got := bannedBy(t, fail2banFilter, "<ip>", torn.String()); len(got) != 0 {
				t.Errorf("got %q, want no match", got)
			}
		})
	}
}
