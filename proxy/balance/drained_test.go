package balance

import "testing"

// TestARetryAvoidsDrainedUpstreams checks S-18.6: a drained upstream gets no new requests, and a retry after another
// upstream failed counts as new. Requests go to drained upstreams only if all upstreams are drained.
func TestARetryAvoidsDrainedUpstreams(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		w := newWorld()
		l := w.list(method, 1, 1, 1)
		w.Drain("a.test", key(1).Address)
		w.Drain("a.test", key(2).Address)
		var p Pick
		if left := l.Left(&p); left != 1 {
			t.Errorf("got %d upstreams to try, want 1", left)
		}
		if i, ok := l.Choose(&p); i != 0 || !ok {
			t.Errorf("got upstream %d, %t; want the one in service", i, ok)
		}
		p.Failed(errRefused)
		p.Leave()
		if left := l.Left(&p); left != 0 {
			t.Errorf("got %d upstreams to try after a failure, want none", left)
		}
		if i, ok := l.Choose(&p); ok {
			t.Errorf("a retry went to the drained upstream %d", i)
		}
		w.Drain("a.test", key(0).Address)
		p = Pick{}
		for range l.members {
			if _, ok := l.Choose(&p); !ok {
				t.Error("all are drained: got none, want all of them")
			}
			p.Leave()
		}
		if !p.FailOpen && l.totals.Counts().FailOpen != 1 {
			t.Errorf("got %+v, want the request that went to a drained upstream", l.totals.Counts())
		}
	}
}

// TestReloadsKeepTheCountOfRequestsInFlight checks that an upstream is not idle while it works on requests that began
// before a reload. The reload may add a second member to its list, or change its check or its connection settings.
func TestReloadsKeepTheCountOfRequestsInFlight(t *testing.T) {
	w := newWorld()
	var only, checked Pick
	w.list(RoundRobin, 1).Choose(&only)
	withCheck := w.State(key(0, check))
	if got := withCheck.Info().InFlight; got != 1 {
		t.Errorf("got %d in flight with another check, want the 1 that began before", got)
	}
	w.Keep(map[*State]bool{withCheck: true})
	l := w.listOf(RoundRobin, Member{State: withCheck, Weight: 1}, Member{State: w.State(key(1, check)), Weight: 1})
	checked.tried = 2
	l.Choose(&checked)
	secure := key(0, check)
	secure.Via = "https"
	if got := w.State(secure).Info().InFlight; got != 2 {
		t.Errorf("got %d in flight, want 2", got)
	}
	only.Leave()
	checked.Leave()
	checked.Leave()
	if got := w.State(secure).Info().InFlight; got != 0 {
		t.Errorf("got %d in flight, want 0", got)
	}
	w.Keep(nil)
	if len(w.tallies) != 0 {
		t.Error("the count was kept after its upstream was gone")
	}
}

// TestReloadsKeepTheCounters checks that the counters of an upstream never go back while a site has it. A monitoring
// system would take that for a restart, and count everything twice (S-18.10).
func TestReloadsKeepTheCounters(t *testing.T) {
	w := newWorld()
	l := w.list(RoundRobin, 1)
	fail(l, 0, 3)
	retried := Pick{}
	l.Choose(&retried)
	retried.Retried()
	retried.Leave()
	withCheck := w.State(key(0, check))
	w.Keep(map[*State]bool{withCheck: true})
	if info := withCheck.Info(); info.Failures != 3 || info.Retries != 1 {
		t.Errorf("another check: got %d failures and %d retries, want the 3 and the 1 from before", info.Failures, info.Retries)
	}
	w.Keep(nil)
	if info := w.State(key(0)).Info(); info.Failures != 0 || info.Retries != 0 {
		t.Errorf("got %d failures and %d retries of an upstream that was gone for a while, want none", info.Failures, info.Retries)
	}
}
