package share

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestAFullQueueOfOneUpstreamStillAdmitsOtherClients fills the queue with requests to one upstream. The number is how many
// requests each client has in it, in the order of their arrival; the last clients have the rest, one each.
func TestAFullQueueOfOneUpstreamStillAdmitsOtherClients(t *testing.T) {
	for _, test := range []struct {
		name    string
		have    []int
		same    bool // whether the next request is to the same upstream
		asks    int  // its client; len(have) is one that has none
		refused int  // the client whose newest request is refused; -1 is the new request itself
		limit   Limit
	}{
		{"a client without a request, to the same upstream", []int{3, 5, 4}, true, 3, 1, OfUpstream},
		{"of two with the most, the one that came last", []int{3, 5, 5}, true, 3, 2, OfUpstream},
		{"a client that has almost as many as the one with the most", []int{4, 5, 2}, true, 0, -1, OfUpstream},
		{"a client that has the most itself", []int{3, 5, 4}, true, 1, -1, OfUpstream},
		{"a client without a request while all others have one", []int{1}, true, 1, -1, OfUpstream},
		{"a request to another upstream", []int{3, 5, 4}, false, 3, 1, OfUpstream},
		{"a request to another upstream of a client that has the most", []int{3, 5, 4}, false, 1, 1, OfUpstream},
		{"a client that has more than its share of the queue", []int{leastQueue/4 + 1, 3}, true, 0, -1, OfClient},
		{"a client beside one that has more than its share of the queue", []int{leastQueue/4 + 1, 3}, true, 1, 0, OfClient},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			s := New(1)
			busy, quiet := &Upstream{}, &Upstream{}
			s.Acquire(&Client{}, busy, now)
			clients := make([]*Client, len(test.have)+1)
			newest := make([]*Waiter, len(clients))
			for i := range clients {
				clients[i] = &Client{}
				for n := 0; i < len(test.have) && n < test.have[i]; n++ {
					newest[i], _, _ = s.Acquire(clients[i], busy, now)
				}
			}
			for s.Wanted() < leastQueue {
				s.Acquire(&Client{}, busy, now)
			}
			to := quiet
			if test.same {
				to = busy
			}
			w, refused, limit := s.Acquire(clients[test.asks], to, now)
			if test.refused < 0 {
				if !refused || limit != test.limit || w != nil {
					t.Errorf("the new request is refused: %v, because of %v, want because of %v", refused, limit, test.limit)
				}
				return
			}
			if refused || w == nil {
				t.Fatal("the new request was refused")
			}
			select {
			case grant := <-newest[test.refused].Ready:
				if !grant.Refused || grant.Limit != test.limit {
					t.Errorf("got %+v, want a refusal because of %v", grant, test.limit)
				}
			default:
				t.Errorf("the newest request of client %d still waits", test.refused)
			}
			if s.Wanted() != leastQueue {
				t.Errorf("%d requests wait, want %d", s.Wanted(), leastQueue)
			}
		})
	}
}

// TestAClientWithFewRequestsIsNeverRefusedWhileOthersHaveMore has clients with many and with few requests join a full queue in
// any order.
func TestAClientWithFewRequestsIsNeverRefusedWhileOthersHaveMore(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		now := time.Unix(1000, 0)
		s := New(1)
		upstreams := make([]Upstream, 1+random.IntN(3))
		clients := make([]Client, 2+random.IntN(100))
		s.Acquire(&Client{}, &upstreams[0], now)
		for range 5000 {
			c, u := &clients[random.IntN(len(clients))], &upstreams[random.IntN(len(upstreams))]
			if random.IntN(3) > 0 { // a few clients make most requests
				c = &clients[random.IntN(1+len(clients)/10)]
			}
			most := 0
			for i := range clients {
				most = max(most, clients[i].waiting)
			}
			full := s.Wanted() >= leastQueue
			_, refused, limit := s.Acquire(c, u, now)
			if refused && !full || s.Wanted() > leastQueue {
				t.Fatalf("seed %d: a request was refused: %v while the queue was full: %v; %d wait", seed, refused, full, s.Wanted())
			}
			if refused && most > (c.waiting+1)*len(upstreams) {
				t.Fatalf("seed %d: a client with %d requests was refused because of %v while another one has %d", seed, c.waiting, limit, most)
			}
		}
	}
}

// TestTheRequestForWhichAnExchangeIsEndedGetsItsConnection has four clients that hold all connections to an upstream, do not
// read, and have requests that have waited for longer than the one of a fifth client. Each time an exchange is ended, its
// client is below its share again.
func TestTheRequestForWhichAnExchangeIsEndedGetsItsConnection(t *testing.T) {
	start := time.Unix(1000, 0)
	s := New(64)
	u := &Upstream{Held: func(*Client) int { return 0 }}
	var holders []Holder
	clients := []*Client{{}, {}, {}, {}}
	for _, c := range clients {
		for range quarter(64) {
			s.Acquire(c, u, start)
			holders = append(holders, Holder{Client: c, Upstream: u, State: Blocked, For: time.Hour, Unread: true})
		}
	}
	for _, c := range clients {
		s.Acquire(c, u, start)
	}
	w, _, _ := s.Acquire(&Client{}, u, start)
	victims := s.Victims(start.Add(patience), holders)
	if len(victims) != 1 {
		t.Fatalf("got %+v, want one", victims)
	}
	victim := &holders[victims[0].At]
	Leave(victim.Client, victim.Upstream)
	s.Freed(victim.Upstream)
	if len(w.Ready) != 1 {
		t.Error("the connection went to another request")
	}
}
