package share

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// hangingWorld returns a world in which clients have filled all slots with requests to upstreams that hang, and in which
// more such requests wait. None of its upstreams has a bound of its own; the last one is healthy and unused.
func hangingWorld(t *testing.T, seed uint64, hanging, clients int) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 2)), now: time.Unix(1000, 0)}
	w.slots = New(16 + w.random.IntN(240))
	for range clients {
		w.clients = append(w.clients, &Client{})
	}
	for range hanging + 1 {
		w.upstreams = append(w.upstreams, &Upstream{Held: func(*Client) int { return 0 }})
	}
	for range w.slots.limit + 1 + w.random.IntN(100) {
		w.hang(hanging)
	}
	for _, h := range w.holding {
		h.state = Waiting
	}
	return w
}

// hang makes a random client request a random hanging upstream.
func (w *world) hang(hanging int) {
	w.ask(w.clients[w.random.IntN(len(w.clients))], w.upstreams[w.random.IntN(hanging)])
}

// served reports whether the client's request to the upstream gets a connection when one request has run out of patience. It
// gives the connection back.
func (w *world) served(c *Client, u *Upstream) bool {
	w.ask(c, u)
	w.now = w.now.Add(patience)
	w.reclaim()
	w.check()
	for i, h := range w.holding {
		if h.client == c && h.upstream == u {
			w.finish(i, w.random.IntN(2) == 0)
			return true
		}
	}
	return false
}

// TestUpstreamsThatHangKeepNoOtherUpstreamWaiting checks S-12.6 for any number of upstreams that hang at the same time.
func TestUpstreamsThatHangKeepNoOtherUpstreamWaiting(t *testing.T) {
	for hanging := 1; hanging <= 8; hanging++ {
		for _, clients := range []int{1, 2, 5, 20} {
			t.Run(fmt.Sprintf("%d upstreams, %d clients", hanging, clients), func(t *testing.T) {
				for seed := range uint64(20) {
					w := hangingWorld(t, seed, hanging, clients)
					healthy, another := w.upstreams[hanging], &Client{}
					for n := range 20 {
						if !w.served(another, healthy) {
							t.Fatalf("seed %d: request %d of another client still waits", seed, n)
						}
						if own := w.clients[w.random.IntN(clients)]; !w.served(own, healthy) {
							t.Fatalf("seed %d: request %d of a client that also waits for other upstreams still waits", seed, n)
						}
						w.hang(hanging)
					}
				}
			})
		}
	}
}
