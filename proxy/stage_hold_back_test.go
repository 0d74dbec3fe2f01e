package proxy

import (
	"testing"
	"time"
)

// TestTheTimeOfAPauseIsNotTheUpstreams pauses the site of a request. The upstream's time must count from the end of the
// pause, as the metrics promise.
func TestTheTimeOfAPauseIsNotTheUpstreams(t *testing.T) {
	p := newTestPipeline(t)
	site := p.dynamic.Load().sites.find(0, "a.test")
	site.holds.Pause(time.Minute)
	done := make(chan *exchange)
	go func() { done <- p.handleOne(getRequest("/"), &fakeClient{}) }()
	waitFor(t, "the request to wait", func() bool { return site.holds.Info().Waiting == 1 })
	resumed := time.Now()
	site.holds.Resume()
	if x := <-done; x.status != statusOK || x.call.start.Before(resumed) || !x.start.Before(resumed) {
		t.Errorf("got the status %d, the request at %v and the call at %v; want 200, and the call after the pause, which ended at %v",
			x.status, x.start, x.call.start, resumed)
	}
}
