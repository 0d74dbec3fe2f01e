//go:build linux

package load

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nowhere is a connection that discards writes and returns no data: a TLS handshake over it fails.
type nowhere struct{ net.Conn }

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Read([]byte) (int, error)    { return 0, io.EOF }

// brokenConn returns a connection on which a request cannot be sent.
func brokenConn() *h1 { return &h1{tls: tls.Client(nowhere{}, &tls.Config{InsecureSkipVerify: true})} }

func TestPaceWaitsUntilARequestIsDue(t *testing.T) {
	begin := time.Unix(1000, 0)
	p := newPace(1000)
	p.begin(begin)
	p.free(brokenConn())
	wait, err := p.send(begin)
	if err != nil || wait != time.Millisecond {
		t.Errorf("got %v, %v, want 1ms", wait, err)
	}
	if wait, err = p.send(begin.Add(400 * time.Microsecond)); err != nil || wait != 600*time.Microsecond {
		t.Errorf("got %v, %v, want 600µs", wait, err)
	}
}

func TestPaceSendsWhatIsDue(t *testing.T) {
	begin := time.Unix(1000, 0)
	p := newPace(1000)
	p.begin(begin)
	c := brokenConn()
	p.free(c)
	// The error shows that the request was sent.
	if _, err := p.send(begin.Add(time.Millisecond)); err == nil {
		t.Error("got no error from a connection that cannot send, want one")
	}
	if want := begin.Add(time.Millisecond); !c.due.Equal(want) {
		t.Errorf("got a request due at %v, want %v", c.due, want)
	}
	if want := begin.Add(2 * time.Millisecond); !p.next.Equal(want) {
		t.Errorf("the next one is due at %v, want %v", p.next, want)
	}
}

func TestPaceWaitsForAnAnswerWhenAllConnectionsAreBusy(t *testing.T) {
	begin := time.Unix(1000, 0)
	p := newPace(1000)
	p.begin(begin)
	if wait, err := p.send(begin.Add(time.Minute)); err != nil || wait != time.Second {
		t.Errorf("got %v, %v, want 1s", wait, err)
	}
	if want := begin.Add(time.Millisecond); !p.next.Equal(want) {
		t.Errorf("the request that waits is due at %v, want %v: its latency has to count from there", p.next, want)
	}
}

func TestLatencyCountsFromWhenTheRequestWasDue(t *testing.T) {
	p := newPace(1000)
	c := brokenConn()
	c.due = time.Unix(1000, 0)
	p.done(c, c.due.Add(7*time.Millisecond))
	if diff := cmp.Diff([]time.Duration{7 * time.Millisecond}, p.latencies); diff != "" {
		t.Error(diff)
	}
	if len(p.idle) != 1 {
		t.Errorf("got %d idle connections, want the one back", len(p.idle))
	}
}

func TestPercentiles(t *testing.T) {
	var latencies []time.Duration
	for i := 1000; i > 0; i-- {
		latencies = append(latencies, time.Duration(i)*time.Microsecond)
	}
	want := map[string]float64{"p50": 501, "p90": 901, "p99": 991, "p99.9": 1000}
	if diff := cmp.Diff(want, percentiles(latencies)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"p50": 5, "p90": 5, "p99": 5, "p99.9": 5},
		percentiles([]time.Duration{5 * time.Microsecond})); diff != "" {
		t.Errorf("of one: %s", diff)
	}
	if got := percentiles(nil); got != nil {
		t.Errorf("of none: got %v, want none", got)
	}
}
