package proxy

import (
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

// TestALeavingClientIsLookedForLessOftenTheLongerItWaits bounds the cost of long exchanges, and how late the proxy
// notices that a client has left.
func TestALeavingClientIsLookedForLessOftenTheLongerItWaits(t *testing.T) {
	const interval = int64(deadline.Interval)
	var w leaveChecks
	w.reset()
	begin := int64(time.Hour)
	looks, last := 0, begin
	for now := begin; now < begin+int64(time.Minute); now += interval {
		if !w.due(now) {
			continue
		}
		looks++
		if gap, most := now-last, min((last-begin)/8+interval, int64(time.Second)); gap > most {
			t.Errorf("after %v: no look for %v, want one after %v", time.Duration(last-begin), time.Duration(gap), time.Duration(most))
		}
		if now < begin+8*interval && looks != int(1+(now-begin)/interval) {
			t.Errorf("%d looks after %v, want one at each sweep at first", looks, time.Duration(now-begin))
		}
		last = now
	}
	if looks > 90 {
		t.Errorf("%d looks in a minute, want about one a second after the first ones", looks)
	}
	w.reset()
	if now := last + interval; !w.due(now) || !w.due(now+interval) {
		t.Error("the next request is not looked at at once")
	}
}
