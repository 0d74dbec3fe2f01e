package share

import (
	"testing"
	"time"
)

// TestWhoGivesWay fills 8 slots (2 for a client, 4 for an upstream) and makes a request within its shares wait.
func TestWhoGivesWay(t *testing.T) {
	start := time.Unix(1000, 0)
	type holder struct {
		client, upstream int
		state            State
		age              time.Duration
	}
	const (
		soon   = stalled - time.Millisecond
		upload = Blocked + 1 // stands for an upload that its client blocks
	)
	for _, test := range []struct {
		name    string
		holders []holder
		bound   int // of the upstream 0, for which the request waits
		waited  time.Duration
		victim  int // -1 for none
		limit   Limit
	}{
		{"nobody gives way before the patience ends", fill(holder{0, 1, Blocked, time.Hour}, 8), 0, patience - time.Millisecond, -1, None},
		{"nobody gives way while all are within their shares and move", []holder{{0, 0, Streaming, 9}, {0, 1, Streaming, 9}, {1, 1, Waiting, time.Hour}, {1, 1, Blocked, soon},
			{2, 2, Streaming, 9}, {2, 2, Streaming, 9}, {3, 2, Waiting, time.Hour}, {3, 2, Waiting, time.Hour}}, 0, patience, -1, None},
		{"the one that waits longest gives way for an upstream without a connection", []holder{{0, 1, Streaming, 9}, {0, 1, Streaming, 9}, {1, 1, Waiting, 3 * time.Second}, {1, 1, Blocked, soon},
			{2, 2, Streaming, 9}, {2, 2, Streaming, 9}, {3, 2, Waiting, 5 * time.Second}, {3, 2, Waiting, 4 * time.Second}}, 0, patience, 6, Reserve},
		{"the one that its client has blocked longest gives way, of a client above its share", []holder{{0, 1, Blocked, time.Second}, {0, 2, Blocked, 2 * time.Second},
			{0, 1, Waiting, time.Hour}, {1, 1, Blocked, time.Hour}, {1, 2, Streaming, 9}, {2, 1, Streaming, 9}, {2, 2, Streaming, 9}, {3, 2, Streaming, 9}}, 0, patience, 1, OfClient},
		{"then the one that waits longest for its upstream gives way", []holder{{0, 1, Waiting, time.Second}, {0, 2, Waiting, 2 * time.Second},
			{0, 1, Streaming, 1}, {1, 1, Blocked, time.Hour}, {1, 2, Streaming, 9}, {2, 1, Streaming, 9}, {2, 2, Streaming, 9}, {3, 2, Streaming, 9}}, 0, patience, 1, OfClient},
		{"then the newest that streams gives way", []holder{{0, 1, Streaming, 9}, {0, 2, Blocked, 3},
			{0, 1, Streaming, 4}, {1, 1, Blocked, time.Hour}, {1, 2, Streaming, 1}, {2, 1, Streaming, 1}, {2, 2, Streaming, 1}, {3, 2, Streaming, 1}}, 0, patience, 1, OfClient},
		{"one of an upstream above its share gives way", []holder{{0, 1, Waiting, 9}, {0, 1, Waiting, 9}, {1, 1, Waiting, 9}, {1, 1, Waiting, 99}, {2, 1, Waiting, 9},
			{2, 2, Waiting, time.Hour}, {3, 2, Waiting, time.Hour}, {3, 2, Waiting, time.Hour}}, 0, patience, 3, OfUpstream},
		{"the one that its client has blocked longest gives way where nobody is above a share", []holder{{0, 1, Blocked, time.Second}, {0, 1, Streaming, 9},
			{1, 1, Blocked, 2 * time.Second}, {1, 1, Waiting, time.Hour}, {2, 2, Streaming, 9}, {2, 2, Streaming, 9}, {3, 2, Streaming, 9}, {3, 2, Streaming, 9}}, 0, patience, 2, Stalled},
		{"one of a client above its share gives way if that client gives the same upstream more than its share", []holder{{0, 0, Waiting, 9}, {0, 0, Waiting, 99}, {0, 0, Waiting, 9}, {0, 0, Waiting, 9}, {0, 0, Waiting, 9},
			{1, 1, Blocked, time.Hour}, {2, 1, Streaming, 9}, {3, 1, Streaming, 9}}, 0, patience, 1, OfClient},
		{"nobody gives way for an upstream that clients within their shares give more than its share", []holder{{0, 0, Waiting, 9}, {0, 0, Waiting, 99}, {1, 0, Waiting, 9}, {1, 0, Waiting, 9}, {2, 0, Waiting, 9},
			{3, 1, Blocked, time.Hour}, {3, 1, Streaming, 9}, {3, 1, Streaming, 9}}, 0, patience, -1, None},
		{"the one that its client has blocked longest gives way for a request to the same upstream, which clients within their shares give more than its share", []holder{{0, 0, Blocked, time.Second},
			{0, 0, Waiting, 99}, {1, 0, Blocked, 2 * time.Second}, {1, 0, Streaming, 9}, {2, 0, Waiting, 9}, {3, 1, Blocked, time.Hour}, {3, 1, Streaming, 9}, {2, 1, Streaming, 9}}, 0, patience, 2, Stalled},
		{"the same for an upstream that has just its share", []holder{{0, 0, Blocked, time.Second}, {0, 0, Waiting, 99}, {1, 0, Blocked, soon}, {1, 0, Streaming, 9},
			{2, 1, Waiting, 9}, {2, 1, Waiting, 9}, {3, 1, Blocked, time.Hour}, {3, 1, Streaming, 9}}, 0, patience, 0, Stalled},
		{"an upload that its client holds up does not", []holder{{0, 0, upload, time.Second}, {0, 0, Waiting, 99}, {1, 0, upload, abandoned - 1}, {1, 0, Streaming, 9},
			{2, 1, Waiting, 9}, {2, 1, Waiting, 9}, {3, 1, Blocked, time.Hour}, {3, 1, Streaming, 9}}, 0, patience, -1, None},
		{"an upload that its client has abandoned does", []holder{{0, 0, upload, time.Second}, {0, 0, Waiting, 99}, {1, 0, upload, abandoned}, {1, 0, Streaming, 9},
			{2, 1, Waiting, 9}, {2, 1, Waiting, 9}, {3, 1, Blocked, time.Hour}, {3, 1, Streaming, 9}}, 0, patience, 2, Stalled},
		{"an unread response gives way although an upload has been held up longer", []holder{{0, 0, Blocked, time.Second}, {0, 0, upload, time.Hour}, {1, 0, Waiting, 9}, {1, 0, Streaming, 9},
			{2, 1, Waiting, 9}, {2, 1, Waiting, 9}, {3, 1, Streaming, 9}, {3, 1, Streaming, 9}}, 0, patience, 0, Stalled},
		{"only one that uses the upstream whose own bound is met gives way", []holder{{0, 0, Waiting, 1}, {0, 0, Waiting, 2}, {1, 0, Streaming, 9}, {2, 0, Streaming, 9},
			{3, 1, Blocked, time.Hour}, {3, 1, Blocked, time.Hour}, {3, 1, Blocked, time.Hour}}, 4, patience, 1, OfClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(8)
			clients := []*Client{{}, {}, {}, {}, {}}
			upstreams := []*Upstream{{}, {}, {}}
			for i, u := range upstreams {
				u.Held = func(c *Client) (n int) {
					for _, h := range test.holders {
						if clients[h.client] == c && h.upstream == i {
							n++
						}
					}
					return n
				}
			}
			upstreams[0].Bound(test.bound)
			var holders []Holder
			for _, h := range test.holders {
				if w, refused, _ := s.Acquire(clients[h.client], upstreams[h.upstream], start); w != nil || refused {
					t.Fatal("there is no slot for a holder")
				}
				holders = append(holders, Holder{Client: clients[h.client], Upstream: upstreams[h.upstream], State: min(h.state, Blocked), For: h.age, Unread: h.state == Blocked})
			}
			if w, _, _ := s.Acquire(clients[4], upstreams[0], start); w == nil {
				t.Fatal("the request does not wait")
			}
			victims := s.Victims(start.Add(test.waited), holders)
			switch {
			case test.victim < 0 && len(victims) == 0:
			case len(victims) != 1 || victims[0].At != test.victim || victims[0].Limit != test.limit:
				t.Errorf("got %+v, want %d because of %v", victims, test.victim, test.limit)
			case len(s.Victims(start.Add(test.waited), holders)) != 0:
				t.Error("another one is ended while the first is about to go")
			}
		})
	}
}

// TestAnUnreadResponseGivesWayAtABoundBelowTheReserve has all connections to an upstream in use, which are fewer than an
// upstream gets even if others hold all.
func TestAnUnreadResponseGivesWayAtABoundBelowTheReserve(t *testing.T) {
	start := time.Unix(1000, 0)
	s := New(64)
	first, second, other := &Client{}, &Client{}, &Client{}
	u := &Upstream{Held: func(c *Client) int { return c.Used() }}
	u.Bound(2)
	if reserve(64) <= 2 {
		t.Fatal("the bound is not below the reserve")
	}
	s.Acquire(first, u, start)
	s.Acquire(second, u, start)
	holders := []Holder{
		{Client: first, Upstream: u, State: Blocked, For: stalled, Unread: true},
		{Client: second, Upstream: u, State: Blocked, For: 2 * stalled, Unread: true},
	}
	if w, _, _ := s.Acquire(other, u, start); w == nil {
		t.Fatal("the request does not wait")
	}
	if got := s.Victims(start.Add(patience), holders); len(got) != 1 || got[0].At != 1 || got[0].Limit != Stalled {
		t.Errorf("got %+v, want the one that its client has blocked longest", got)
	}
}

func fill[T any](one T, n int) (all []T) {
	for range n {
		all = append(all, one)
	}
	return all
}

// TestAFullQueueRefusesWhoeverHasMostInIt checks that the client with the most waiting requests is refused when the
// queue is full.
func TestAFullQueueRefusesWhoeverHasMostInIt(t *testing.T) {
	start := time.Unix(1000, 0)
	held := func(*Client) int { return 0 }
	crowd, other, third := &Client{}, &Client{}, &Client{}
	busy, quiet := &Upstream{Held: held}, &Upstream{Held: held}
	s := New(1)
	_, _, _ = s.Acquire(crowd, busy, start)
	var waiters []*Waiter
	for range leastQueue {
		w, _, _ := s.Acquire(crowd, busy, start)
		waiters = append(waiters, w)
	}
	if _, refused, limit := s.Acquire(crowd, quiet, start); !refused || limit != OfClient {
		t.Errorf("the crowd's next request is refused: %v, because of %v, want because of its share", refused, limit)
	}
	if w, refused, _ := s.Acquire(other, quiet, start); w == nil || refused {
		t.Fatal("another client's request may not wait")
	}
	if last := waiters[leastQueue-1]; len(last.Ready) != 1 || !(<-last.Ready).Refused || s.Cancel(last) {
		t.Error("the crowd's newest request was not refused for that")
	}
	if !s.Cancel(waiters[0]) || s.Wanted() != leastQueue-1 {
		t.Errorf("%d requests wait, want %d", s.Wanted(), leastQueue-1)
	}
	if w, refused, _ := s.Acquire(third, busy, start); w == nil || refused {
		t.Error("there is room again, and the request may not wait")
	}
}

// TestAClientAtItsShareGivesWayToItself fills 8 slots, 2 of them by a client that then requests another upstream.
func TestAClientAtItsShareGivesWayToItself(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, test := range []struct {
		name   string
		state  State
		age    time.Duration
		second int // the upstream of the client's second request; the first one's is 1
		asks   int // 3 has no connection; 0 and 2 have some
		want   bool
	}{
		{"a request that waits gives way", Waiting, time.Second, 1, 3, true},
		{"one of two that are spread already gives way for an upstream below the reserve", Waiting, time.Second, 2, 3, true},
		{"none gives way for the same upstream", Waiting, time.Second, 1, 1, false},
		{"none that waits for a moment gives way", Waiting, patience - 1, 1, 2, false},
		{"none that streams gives way for an upstream with connections", Streaming, time.Second, 1, 2, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(8)
			var upstreams [4]Upstream
			var client Client
			var holders []Holder
			hold := func(c *Client, u int, state State, age time.Duration) {
				s.Acquire(c, &upstreams[u], start)
				holders = append(holders, Holder{Client: c, Upstream: &upstreams[u], State: state, For: age})
			}
			hold(&client, 1, test.state, test.age)
			hold(&client, test.second, test.state, test.age)
			for i := range 6 { // each of another client, within all shares
				hold(&Client{}, 2*(i%2), Streaming, time.Hour)
			}
			s.Acquire(&client, &upstreams[test.asks], start)
			victims := s.Victims(start.Add(patience), holders)
			if got := len(victims) == 1 && victims[0].At < 2; got != test.want || len(victims) > 1 {
				t.Errorf("got %+v, want one of the client's own: %v", victims, test.want)
			}
		})
	}
}

// TestAClientGetsNoMoreThanItsShareOfABoundedUpstream has four clients hold all connections to an upstream with a bound of its
// own and read nothing. Another client asks for as many as the bound, and then yet another one for a single one.
func TestAClientGetsNoMoreThanItsShareOfABoundedUpstream(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, test := range []struct{ limit, bound int }{{1024, 64}, {1024, 16}, {64, 32}} {
		s := New(test.limit)
		held := map[*Client]int{}
		u := &Upstream{Held: func(c *Client) int { return held[c] }}
		u.Bound(test.bound)
		var holders []Holder
		for range 4 {
			c := &Client{}
			for range quarter(test.bound) {
				s.Acquire(c, u, start)
				held[c]++
				holders = append(holders, Holder{Client: c, Upstream: u, State: Blocked, For: time.Hour, Unread: true})
			}
		}
		crowd := &Client{}
		var waiters []*Waiter
		for range test.bound {
			w, _, _ := s.Acquire(crowd, u, start)
			waiters = append(waiters, w)
		}
		single, _, _ := s.Acquire(&Client{}, u, start)
		victims := s.Victims(start.Add(patience), holders)
		if want := quarter(test.bound) + 1; len(victims) != want {
			t.Errorf("%d of %d: %d are ended, want %d", test.bound, test.limit, len(victims), want)
		}
		for _, v := range victims {
			h := holders[v.At]
			Leave(h.Client, u)
			held[h.Client]--
			s.Freed(u)
			for _, w := range waiters {
				if len(w.Ready) == 1 {
					<-w.Ready
					held[crowd]++
				}
			}
		}
		if share := quarter(test.bound); held[crowd] != share || len(single.Ready) != 1 {
			t.Errorf("%d of %d: the crowd got %d connections and the other client %d, want %d and 1", test.bound, test.limit, held[crowd], len(single.Ready), share)
		}
	}
}

// TestAClientAtItsShareOfABoundedUpstreamEndsNothingForMore has a client hold its share of all connections, some of them to an
// upstream of which it has its share too, and ask for one more of these.
func TestAClientAtItsShareOfABoundedUpstreamEndsNothingForMore(t *testing.T) {
	start := time.Unix(1000, 0)
	s := New(16)
	var client Client
	var other Upstream
	held := 0
	u := &Upstream{Held: func(*Client) int { return held }}
	u.Bound(8)
	var holders []Holder
	for i := range quarter(16) {
		to := u
		if i >= quarter(8) {
			to = &other
		} else {
			held++
		}
		s.Acquire(&client, to, start)
		holders = append(holders, Holder{Client: &client, Upstream: to, State: Waiting, For: time.Hour})
	}
	for range 12 {
		c := &Client{}
		s.Acquire(c, &other, start)
		holders = append(holders, Holder{Client: c, Upstream: &other, State: Streaming, For: time.Hour})
	}
	s.Acquire(&client, u, start)
	if victims := s.Victims(start.Add(patience), holders); len(victims) != 0 {
		t.Errorf("got %+v, want none", victims)
	}
}
