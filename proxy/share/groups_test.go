package share

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestTheSearchForVictimsDoesNotCompareEveryHolderForEveryRequest fills many slots and makes many requests of one client
// wait, once while no exchange may be ended for them and once while another client has all connections.
func TestTheSearchForVictimsDoesNotCompareEveryHolderForEveryRequest(t *testing.T) {
	const limit = 4096
	start := time.Unix(1000, 0)
	for _, test := range []struct {
		name               string
		holders, upstreams int
		victims            int
		looks              int
	}{
		{"nobody may be ended", limit, 2, 0, 2 * limit},
		{"nobody may be ended, and many upstreams are waited for", limit, 64, 0, 2 * limit},
		{"one client has all connections", 1, 2, quarter(limit), limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(limit)
			clients, upstreams := make([]Client, test.holders), make([]Upstream, test.upstreams)
			var holders []Holder
			for i := range limit {
				h := Holder{Client: &clients[i%test.holders], Upstream: &upstreams[i%test.upstreams], For: time.Duration(i)}
				s.Acquire(h.Client, h.Upstream, start)
				holders = append(holders, h)
			}
			var crowd Client
			for i := range s.queue {
				if w, _, _ := s.Acquire(&crowd, &upstreams[i%test.upstreams], start); w == nil {
					t.Fatal("a request does not wait")
				}
			}
			c := newChooser(s, holders)
			if victims, _ := c.victims(s.impatient(start.Add(patience))); len(victims) != test.victims {
				t.Errorf("%d victims, want %d", len(victims), test.victims)
			}
			if c.looks > test.looks {
				t.Errorf("%d holders were compared, want at most %d", c.looks, test.looks)
			}
		})
	}
}

// TestGroupsGiveTheSameVictimsAsAllHolders compares the choice from groups with a choice from all holders.
func TestGroupsGiveTheSameVictimsAsAllHolders(t *testing.T) {
	start := time.Unix(1000, 0)
	chosen := map[Limit]int{}
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := New(16 + random.IntN(32))
		clients, upstreams := make([]Client, 1+random.IntN(6)), make([]Upstream, 1+random.IntN(6))
		pairs := map[pair]int{}
		for i := range upstreams {
			upstreams[i].Held = func(c *Client) int { return pairs[pair{c, &upstreams[i]}] }
			if random.IntN(3) == 0 {
				upstreams[i].Bound(1 + random.IntN(12))
			}
		}
		var holders []Holder
		for range 100 {
			h := Holder{Client: &clients[random.IntN(1+random.IntN(len(clients)))], Upstream: &upstreams[random.IntN(len(upstreams))],
				State: State(random.IntN(3)), For: time.Duration(random.IntN(20)) * 25 * time.Millisecond, Ending: random.IntN(10) == 0}
			if w, refused, _ := s.Acquire(h.Client, h.Upstream, start); w == nil && !refused {
				pairs[pair{h.Client, h.Upstream}]++
				holders = append(holders, h)
			}
		}
		c, all := newChooser(s, slices.Clone(holders)), newChooser(s, slices.Clone(holders))
		granted := map[any]int{}
		for _, w := range s.impatient(start.Add(patience)) {
			n, ok := s.need(w, granted)
			if !ok {
				continue
			}
			got, ok := c.choose(n)
			want, wantOK := all.chooseFromAll(n)
			if ok != wantOK || got.At == want.At && got.Limit != want.Limit || ok && (worse(&c.holders[got.At], &all.holders[want.At]) || worse(&all.holders[want.At], &c.holders[got.At])) {
				t.Fatalf("seed %d: got %+v, %v from groups and %+v, %v from all holders", seed, got, ok, want, wantOK)
			}
			if !ok {
				continue
			}
			n.grant(granted)
			chosen[got.Limit]++
			if got.At != want.At { // equally bad, so both choosers continue alike
				break
			}
		}
	}
	for _, limit := range []Limit{OfClient, OfUpstream, Stalled, Reserve} {
		if chosen[limit] == 0 {
			t.Errorf("no holder was chosen because of %v", limit)
		}
	}
}

// chooseFromAll does what choose does, without groups and without remembering questions.
func (c *chooser) chooseFromAll(n need) (v Victim, ok bool) {
	q := c.question(n)
	for i := range c.holders {
		h := &c.holders[i]
		if h.Ending || n.of != nil && h.Upstream != n.of {
			continue
		}
		if h.limit = c.limit(h, n); q.own {
			h.limit = c.ownLimit(h, n)
		}
		if h.limit != None && (!ok || worse(h, &c.holders[v.At])) {
			v, ok = Victim{At: i, Limit: h.limit}, true
		}
	}
	if !ok {
		return v, false
	}
	h := &c.holders[v.At]
	h.Ending = true
	c.clients[h.Client]--
	c.upstreams[h.Upstream]--
	c.pairs[pair{h.Client, h.Upstream}]--
	c.serve(n)
	return v, true
}
