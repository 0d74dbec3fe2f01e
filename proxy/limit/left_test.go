package limit

import (
	"net/netip"
	"testing"
	"time"
)

func TestLeftTakesNoTokens(t *testing.T) {
	at := time.Unix(0, 0)
	l := New(func() time.Time { return at })
	client := netip.MustParseAddr("192.0.2.1")
	cfg := Config{RequestsPerSecond: 1, Burst: 5}
	rule := Rule{Rate: cfg.Rate()}
	for range 3 {
		if got := l.Left(at, client, rule); got != 5 || l.Tracked() != 0 {
			t.Fatalf("before a request: got %v left and %d buckets, want 5 and none", got, l.Tracked())
		}
	}
	l.AllowAt(at, client, cfg)
	for range 3 {
		if got := l.Left(at, client, rule); got != 4 {
			t.Fatalf("after a request: got %v left, want 4", got)
		}
	}
	if got := l.Left(at.Add(time.Hour), client, rule); got != 5 {
		t.Errorf("after an hour: got %v left, want 5", got)
	}
}
