package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// sampleRecord returns a typical request.
func sampleRecord() accessRecord {
	return accessRecord{
		ClientIP: netip.MustParseAddr("203.0.113.50"), Host: "git.example.com", Method: "GET", Path: "/user/repo?token=secret",
		Status: 200, Upstream: "127.0.0.1:3000", Duration: 45 * time.Millisecond,
	}
}

func TestLogLinesCostNoAllocation(t *testing.T) {
	refused := error(&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	for _, format := range []eventlog.Format{eventlog.FormatText, eventlog.FormatJSON} {
		l := eventlogtest.Open(t, eventlog.New, eventlog.Options{Format: format, FilePath: filepath.Join(t.TempDir(), "log")}, io.Discard)
		rec := sampleRecord()
		for _, tt := range []struct {
			name string
			log  func()
		}{
			{"a REQUEST line is written", func() { logRequest(l, &rec) }},
			{"a RATE_LIMIT line is written", func() { logRateLimit(l, &rec, refusal{}) }},
			{"an UPSTREAM_ERROR line is held back", func() { logUpstreamError(l, rec.Host, rec.Upstream, refused) }},
			{"a line of any event is written", func() {
				l.Log(eventlog.LevelInfo, "SHUTDOWN", eventlog.Str("reason", "a signal"), eventlog.Int("requests", 3))
			}},
			{"a line is below the level", func() { l.Log(eventlog.LevelDebug, "CLIENT_GONE", eventlog.Str("host", "a"), eventlog.Err(io.EOF)) }},
		} {
			t.Run(string(format)+": "+tt.name, func(t *testing.T) {
				// First let the two buffers of each sink grow to their size.
				for range 20_000 {
					tt.log()
				}
				if got := testing.AllocsPerRun(2000, tt.log); got > 0 {
					t.Errorf("got %v allocations a line, want 0", got)
				}
			})
		}
	}
}

func BenchmarkLogRequest(b *testing.B) {
	for _, format := range []eventlog.Format{eventlog.FormatText, eventlog.FormatJSON} {
		b.Run(string(format), func(b *testing.B) {
			l := eventlogtest.Open(b, eventlog.New, eventlog.Options{Format: format, FilePath: filepath.Join(b.TempDir(), "log")}, io.Discard)
			rec := sampleRecord()
			b.ReportAllocs()
			for b.Loop() {
				logRequest(l, &rec)
			}
		})
		b.Run(string(format)+"/parallel", func(b *testing.B) {
			l := eventlogtest.Open(b, eventlog.New, eventlog.Options{Format: format, FilePath: filepath.Join(b.TempDir(), "log")}, io.Discard)
			rec := sampleRecord()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					logRequest(l, &rec)
				}
			})
		})
	}
	b.Run("level off", func(b *testing.B) {
		l := eventlogtest.Open(b, eventlog.New, eventlog.Options{Level: eventlog.LevelError}, io.Discard)
		err := errors.New("gone")
		b.ReportAllocs()
		for b.Loop() {
			l.Log(eventlog.LevelDebug, "CLIENT_GONE", eventlog.Str("host", "a"), eventlog.Err(err))
		}
	})
}
