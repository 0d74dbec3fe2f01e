package balance

import (
	"errors"
	"testing"
	"time"
)

func TestFiveFailedConnectionsInARow(t *testing.T) {
	w := newWorld()
	l := w.list(RoundRobin, 1, 1)
	s := l.members[0].State
	for range 20 { // a success in between starts the count again
		fail(l, 0, failuresInRow-1)
		p := Pick{tried: 2}
		l.Choose(&p)
		p.Answered()
		p.Leave()
	}
	if s.Info().State != Up || len(w.changes) != 0 {
		t.Fatalf("got %+v and the changes %v, want an upstream that is up", s.Info(), w.changes)
	}
	fail(l, 0, failuresInRow)
	if info := s.Info(); info.State != Down || !errors.Is(info.LastError, errRefused) || info.TryAt != w.now.Add(firstPause) {
		t.Fatalf("got %+v, want it down for 10 s", info)
	}
	if len(w.changes) != 1 || !w.changes[0].Down || w.changes[0].Checked || w.changes[0].Key != key(0) {
		t.Fatalf("got the changes %+v, want one", w.changes)
	}
	if got := counts(l, requests); got[0] != 0 {
		t.Errorf("got %d requests at the upstream that is out", got[0])
	}
}

// TestThePauseDoubles lets an upstream fail for hours. After each pause, which doubles up to five minutes, one request
// at a time tries the upstream.
func TestThePauseDoubles(t *testing.T) {
	w := newWorld()
	l := w.list(RoundRobin, 1, 1)
	fail(l, 0, failuresInRow)
	for pause := firstPause; pause < time.Hour; pause *= 2 {
		lasts := min(pause, lastPause)
		w.pass(lasts - time.Millisecond)
		if got := counts(l, 100); got[0] != 0 {
			t.Fatalf("pause of %v: got %d requests before its end", lasts, got[0])
		}
		w.pass(time.Millisecond)
		var tries []*Pick
		for range 100 {
			p := new(Pick)
			if i, _ := l.Choose(p); i == 0 {
				tries = append(tries, p)
				continue
			}
			p.Leave()
		}
		if len(tries) != 1 {
			t.Fatalf("pause of %v: got %d requests that try the upstream at the same time, want 1", lasts, len(tries))
		}
		tries[0].Failed(errRefused)
		tries[0].Leave()
	}
	w.pass(lastPause)
	p := Pick{tried: 2}
	l.Choose(&p)
	p.Leave() // a cancelled request has no result
	if s := l.members[0].State; s.Info().State != Down || !s.serves(w.ticks(w.now)) {
		t.Fatalf("a cancelled try: got %+v, want the next request to try it", s.Info())
	}
	p = Pick{tried: 2}
	l.Choose(&p)
	p.Answered()
	p.Leave()
	if info := l.members[0].State.Info(); info.State != Up || !info.Slow || info.Since != w.now {
		t.Fatalf("a good try: got %+v, want it up", info)
	}
	fail(l, 0, failuresInRow)
	if at := l.members[0].State.Info().TryAt; at != w.now.Add(firstPause) {
		t.Errorf("got the next try at %v, want a pause of 10 s again", at)
	}
}

// TestARequestThatTakesItsTimeKeepsNoUpstreamOut has the request that tries an upstream last: its client sends the body slowly, or
// the upstream works on it. One client must not decide whether an upstream is back in service (S-12.6).
func TestARequestThatTakesItsTimeKeepsNoUpstreamOut(t *testing.T) {
	w := newWorld()
	l := w.list(RoundRobin, 1, 1)
	s := l.members[0].State
	try := func() (*Pick, bool) {
		p := &Pick{tried: 2}
		l.Choose(p)
		return p, !p.FailOpen && p.trial != 0
	}
	fail(l, 0, failuresInRow)
	w.pass(firstPause)
	slow, tries := try()
	if !tries {
		t.Fatal("no request tries the upstream after the pause")
	}
	w.pass(trialTime - 1)
	if s.serves(w.ticks(w.now)) {
		t.Error("a second request may try the upstream although the first has had little time")
	}
	w.pass(1)
	second, tries := try()
	if !tries || s.serves(w.ticks(w.now)) {
		t.Fatalf("the first request has no answer yet: another one tries the upstream is %v, and then a third is %v", tries, s.serves(w.ticks(w.now)))
	}
	slow.Failed(errRefused)
	slow.Leave()
	if at := s.Info().TryAt; s.serves(w.ticks(w.now)) || at.After(w.now) {
		t.Errorf("the first request failed late: got the next try at %v, want the second request to go on", at)
	}
	second.Failed(errRefused)
	second.Leave()
	if at := s.Info().TryAt; at != w.now.Add(2*firstPause) {
		t.Errorf("the second request failed: got the next try at %v, want the pause doubled once", at)
	}
	w.pass(2 * firstPause)
	slow, _ = try()
	w.pass(trialTime)
	second, _ = try()
	second.Answered()
	second.Leave()
	if info := s.Info(); info.State != Up {
		t.Errorf("the second request was answered: got %+v, want the upstream up", info)
	}
	slow.Leave()
	if n := s.trying.Load(); n != 0 {
		t.Errorf("got a request that tries the upstream, since %d, want none", n)
	}
}

func TestTheShareGrowsOverTenSeconds(t *testing.T) {
	for _, method := range []Method{RoundRobin, LeastRequests, ByKey} {
		w := newWorld()
		l := w.list(method, 1, 1)
		fail(l, 0, failuresInRow)
		w.pass(firstPause)
		p := Pick{tried: 2}
		l.Choose(&p)
		p.Answered()
		p.Leave()
		for second := range 10 {
			got := counts(l, requests)[0]
			if want := requests * second / 20; got < want*85/100 || got > want*115/100+requests/50 {
				t.Errorf("method %d, second %d: got %d of %d requests, want about %d", method, second, got, requests, want)
			}
			w.pass(time.Second)
		}
		about(t, "after 10 s", counts(l, requests)[0], requests/2, 0.05)
	}
}

// TestAnAnswerPutsAnUpstreamBack lets all upstreams fail. Requests then go to all of them, and the first answer puts
// its upstream back.
func TestAnAnswerPutsAnUpstreamBack(t *testing.T) {
	w := newWorld()
	l := w.list(LeastRequests, 1, 1, 1)
	for i := range 3 {
		fail(l, i, failuresInRow)
	}
	got := make([]int, 3)
	for range 300 {
		p := Pick{}
		i, ok := l.Choose(&p)
		if !ok || !p.FailOpen {
			t.Fatal("got no choice, want one of those that are down, marked so")
		}
		p.Failed(errRefused)
		p.Leave()
		got[i]++
	}
	if got[0] == 0 || got[1] == 0 || got[2] == 0 || l.totals.Counts().FailOpen != 300 {
		t.Fatalf("got %v of 300 requests and %+v, want some at each, all counted", got, l.totals.Counts())
	}
	p := Pick{tried: 6}
	l.Choose(&p)
	p.Answered()
	p.Leave()
	if got := counts(l, 100); got[0] != 100 {
		t.Errorf("got %v, want all at the one that answers", got)
	}
}

var check = Check{What: "/up", Interval: 10 * time.Second, Rise: 2, Fall: 3}

func TestChecksInARow(t *testing.T) {
	w := newWorld()
	s := w.State(key(0, check))
	checks := func(results string) {
		for _, r := range results {
			if r == '+' {
				s.Checked(nil)
			} else {
				s.Checked(errRefused)
			}
		}
	}
	for _, step := range []struct{ results, want string }{
		{"+", Up}, {"--", Up}, {"+--", Up}, {"-", Down}, {"+", Down}, {"-+", Down}, {"+", Up}, {"---", Down}, {"-----", Down}, {"++", Up},
	} {
		if checks(step.results); s.Info().State != step.want {
			t.Fatalf("after %q: got %s, want %s", step.results, s.Info().State, step.want)
		}
	}
	if len(w.changes) != 4 || !w.changes[0].Down || !w.changes[0].Checked || w.changes[1].Down {
		t.Errorf("got the changes %+v, want down, up, down, up", w.changes)
	}
}

func TestANewUpstreamWithACheck(t *testing.T) {
	w := newWorld()
	old := Member{w.State(key(0)), 1, false}
	l := w.listOf(RoundRobin, old, Member{w.State(key(1, check)), 1, false})
	if got := counts(l, 100); got[1] != 0 || l.members[1].State.Info().State != Starting {
		t.Fatalf("before the first check: got %v, want none at the new one", got)
	}
	l.members[1].State.Checked(nil)
	if got := counts(l, 100); got[1] != 50 {
		t.Errorf("after the first check: got %v, want the new one to have its whole share", got)
	}
	l = w.listOf(RoundRobin, old, Member{w.State(key(2, check)), 1, false})
	l.members[1].State.Checked(errRefused)
	w.pass(check.Interval)
	if got := counts(l, 100); got[1] != 50 || l.members[1].State.Info().State != Up {
		t.Errorf("after one interval: got %v, want the new one to have its share", got)
	}
	l.members[1].State.Checked(errRefused)
	l.members[1].State.Checked(errRefused)
	if got := counts(l, 100); got[1] != 0 {
		t.Errorf("after three failed checks: got %v, want none at the new one", got)
	}
}

// TestNewUpstreamsServeAtTheStart checks that the first requests do not wait for checks, and that no failure is logged.
func TestNewUpstreamsServeAtTheStart(t *testing.T) {
	w := newWorld()
	l := w.listOf(RoundRobin, Member{w.State(key(0, check)), 1, false}, Member{w.State(key(1, check)), 1, false})
	if got := counts(l, 100); got[0] != 50 || l.totals.Counts().FailOpen != 0 {
		t.Errorf("got %v and %+v, want requests at both and no fail-open", got, l.totals.Counts())
	}
}

// TestANewUpstreamIsBetterThanOneThatIsDown checks that requests do not go to an upstream that is known to be down
// while the first check of another one is still running.
func TestANewUpstreamIsBetterThanOneThatIsDown(t *testing.T) {
	w := newWorld()
	l := w.listOf(RoundRobin, Member{w.State(key(0, check)), 1, false}, Member{w.State(key(1, check)), 1, false})
	for range check.Fall {
		l.members[0].State.Checked(errRefused)
	}
	if got := counts(l, 100); got[1] != 100 || l.totals.Counts().FailOpen != 0 {
		t.Errorf("got %v and %+v, want all at the new one", got, l.totals.Counts())
	}
}

func TestChecksEndTheFailuresOfRequests(t *testing.T) {
	w := newWorld()
	s := w.State(key(0, check))
	s.Checked(nil)
	l := w.listOf(RoundRobin, Member{s, 1, false}, Member{w.State(key(1)), 1, false})
	fail(l, 0, failuresInRow)
	if s.Checked(nil); s.Info().State != Down {
		t.Errorf("after one check: got %s, want %s", s.Info().State, Down)
	}
	if s.Checked(nil); s.Info().State != Up {
		t.Errorf("after two checks: got %s, want %s", s.Info().State, Up)
	}
}
