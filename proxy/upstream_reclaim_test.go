package proxy

import (
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/share"
)

// takingOwner is the owner of a call whose client takes bytes.
type takingOwner struct {
	lonelyOwner
	taken   uint64
	unknown bool
	looks   int
}

func (o *takingOwner) acknowledged() (uint64, bool) {
	o.looks++
	return o.taken, !o.unknown
}

// TestACallWhoseClientTakesBytesIsNotBlockedForLong looks at a call every 50 ms, as a search for calls that could give way does. The
// call has waited for its client since the beginning, but the client may take some bytes meanwhile.
func TestACallWhoseClientTakesBytesIsNotBlockedForLong(t *testing.T) {
	const look = 50 * time.Millisecond
	for _, test := range []struct {
		name    string
		takes   func(at time.Duration) bool // after the given time since the wait began
		unknown bool
		again   time.Duration // when the client has taken all, and the call begins to wait anew
		want    time.Duration // how long it counts as blocked a second after its beginning
	}{
		{name: "the client takes nothing", takes: func(time.Duration) bool { return false }, want: time.Second - time.Duration(slowAfter+stepTime)},
		{name: "the client takes bytes all the time", takes: func(time.Duration) bool { return true }, want: 0},
		{name: "the client takes bytes every 200 ms", takes: func(at time.Duration) bool { return at%(200*time.Millisecond) == 0 }, want: 0},
		{name: "the client takes the last bytes after half a second", takes: func(at time.Duration) bool { return at <= time.Second/2 }, want: time.Second/2 - time.Duration(stepTime)},
		{name: "it is not known what the client takes", takes: func(time.Duration) bool { return true }, unknown: true, want: time.Second},
		{name: "a second wait begins", takes: func(time.Duration) bool { return false }, again: 600 * time.Millisecond, want: 400*time.Millisecond - time.Duration(slowAfter+stepTime)},
	} {
		t.Run(test.name, func(t *testing.T) {
			sweeper := deadline.NewSweeper()
			owner := &takingOwner{unknown: test.unknown}
			c := &upstreamCall{owner: owner, timer: &deadline.Timer{Sweeper: sweeper}}
			begin := int64(time.Hour)
			sweeper.Clock.Store(begin)
			c.blocks()
			var state share.State
			var since int64
			for at := look; at <= time.Second; at += look {
				sweeper.Clock.Store(begin + int64(at))
				if test.takes(at) {
					owner.taken++
				}
				if at == test.again {
					c.unblocks()
					c.blocks()
				}
				state, since = c.state(begin)
			}
			if got := time.Duration(c.clock() - since); state != share.Blocked || got != test.want {
				t.Errorf("the call is in the state %v for %v, want to be blocked for %v", state, got, test.want)
			}
			if owner.looks > int((time.Second-time.Duration(slowAfter))/look)+1 {
				t.Errorf("the client was asked %d times", owner.looks)
			}
		})
	}
}

// TestACallIsReusedWhileItsPreviousUseIsToGiveWay ends an exchange too late: its call already serves the next request. The race
// detector must report nothing.
func TestACallIsReusedWhileItsPreviousUseIsToGiveWay(t *testing.T) {
	conn, call := &upstreamConn{uses: 1}, new(upstreamCall)
	var late sync.WaitGroup
	late.Go(func() {
		for range 1000 {
			if call.giveWay(conn, 1, errInterrupted) {
				t.Error("the next request was ended")
			}
		}
	})
	for range 1000 {
		call.reset(nil, getRequest("/"), nil, nil)
	}
	late.Wait()
}
