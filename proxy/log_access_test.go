package proxy

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

func TestRequestLines(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*accessRecord)
		want   string
	}{
		{"the layout is that of the specification", func(*accessRecord) {},
			"INFO REQUEST client_ip=203.0.113.50 host=git.example.com method=GET path=/user/repo status=200 " +
				"upstream=127.0.0.1:3000 duration_ms=45"},
		{"an empty host is a dash", func(r *accessRecord) { r.Host = "" },
			"INFO REQUEST client_ip=203.0.113.50 host=- method=GET path=/user/repo status=200 upstream=127.0.0.1:3000 duration_ms=45"},
		{"a request that was not forwarded has no upstream", func(r *accessRecord) { r.Upstream, r.Status = "", 404 },
			"INFO REQUEST client_ip=203.0.113.50 host=git.example.com method=GET path=/user/repo status=404 upstream=- duration_ms=45"},
		{"the query, which may hold a secret, is left out", func(r *accessRecord) { r.Path = "/a?token=secret?b" },
			"INFO REQUEST client_ip=203.0.113.50 host=git.example.com method=GET path=/a status=200 upstream=127.0.0.1:3000 duration_ms=45"},
		{"a duration is whole milliseconds", func(r *accessRecord) { r.Duration = 1999 * time.Microsecond },
			"INFO REQUEST client_ip=203.0.113.50 host=git.example.com method=GET path=/user/repo status=200 upstream=127.0.0.1:3000 duration_ms=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{})
			rec := sampleRecord()
			tt.change(&rec)
			logRequest(l, &rec)
			eventlogtest.WantLines(t, "lines", eventlogtest.WithoutTimes(taken()), tt.want)
		})
	}
}

func TestEveryRateLimitLineIsWritten(t *testing.T) {
	l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{})
	want := "WARN RATE_LIMIT client_ip=203.0.113.50 host=git.example.com path=/user/repo status=429 limit=client"
	rec := sampleRecord()
	logRateLimit(l, &rec, refusal{})
	logRateLimit(l, &rec, refusal{})
	eventlogtest.WantLines(t, "lines", eventlogtest.WithoutTimes(taken()), want, want)
}

func TestARateLimitLineSaysHowManyRefusalsItCounts(t *testing.T) {
	for format, want := range map[eventlog.Format]string{eventlog.FormatText: " status=429 limit=client repeated=351", eventlog.FormatJSON: `,"status":429,"limit":"client","repeated":351}`} {
		l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Format: format})
		rec := sampleRecord()
		logRateLimit(l, &rec, refusal{unlogged: 351})
		if got := strings.TrimSpace(taken()); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %q, want it to end in %q", format, got, want)
		}
	}
}

func TestUpstreamErrorsRepeatOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, eventlog.New, eventlog.Options{})
		for range 100 {
			logUpstreamError(l, "a.example.com", "127.0.0.1:3000", syscall.ECONNREFUSED)
		}
		logUpstreamError(l, "a.example.com", "127.0.0.1:3000", os.ErrDeadlineExceeded)
		logUpstreamError(l, "b.example.com", "127.0.0.1:3000", syscall.ECONNREFUSED)
		logUpstreamError(l, "a.example.com", "127.0.0.1:3001", syscall.ECONNREFUSED)
		eventlogtest.WantLines(t, "lines at once", lines(),
			`WARN UPSTREAM_ERROR host=a.example.com upstream=127.0.0.1:3000 error="connection refused"`,
			`WARN UPSTREAM_ERROR host=a.example.com upstream=127.0.0.1:3000 error="i/o timeout"`,
			`WARN UPSTREAM_ERROR host=b.example.com upstream=127.0.0.1:3000 error="connection refused"`,
			`WARN UPSTREAM_ERROR host=a.example.com upstream=127.0.0.1:3001 error="connection refused"`)
		time.Sleep(eventlog.RepeatWindow)
		eventlogtest.WantLines(t, "lines after 10 s", lines()[4:],
			`WARN UPSTREAM_ERROR host=a.example.com upstream=127.0.0.1:3000 error="connection refused" repeated=99`)
	})
}

func TestLinesOfRequestsBelowTheLevelAreNotWritten(t *testing.T) {
	for level, want := range map[eventlog.Level][]string{eventlog.LevelTrace: {"INFO", "WARN", "WARN"}, eventlog.LevelInfo: {"INFO", "WARN", "WARN"},
		eventlog.LevelWarn: {"WARN", "WARN"}, eventlog.LevelError: nil} {
		l, taken := eventlogtest.Record(t, eventlog.New, eventlog.Options{Level: level})
		logRequest(l, &accessRecord{})
		logRateLimit(l, &accessRecord{}, refusal{})
		logUpstreamError(l, "", "", nil)
		var got []string
		for line := range strings.Lines(taken()) {
			got = append(got, strings.Fields(line)[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("level %v: got lines of the levels %q, want %q", level, got, want)
		}
	}
}

// recordOf returns what the log says about an exchange.
func recordOf(x *exchange) accessRecord {
	var record accessRecord
	x.describe(&record)
	return record
}
