package proxy

import "runtime"

// A client with many connections could make thousands of goroutines ready at once: each read brings a handshake to compute
// or heads to decode, and each head starts a stream. The scheduler is fair to goroutines and not to clients, so that the one
// goroutine of another client would wait until all of them have had their time (S-12.6). So a client's goroutines take turns:
// as many as there are processors run, and the others wait in a queue of their own, where they delay nobody else.
//
// A head of HTTP/1.1 takes no turn: it costs some microseconds, one at a time on a connection, and a client with many
// connections is often a load balancer, whose requests should cost no more than others.
//
// A turn is for computing only: whoever holds one gives it back before it waits for a client, an upstream or a share.

// crowdConns is how many connections a client has that takes turns. What fewer can make ready is little, and costs its
// requests nothing.
const crowdConns = 9

// turns are those of one client.
type turns struct {
	// taken holds an element for each turn that is taken. A channel hands them on in the order in which they were asked for.
	taken chan struct{}
}

// newTurns returns as many turns as there are processors: a client that is alone may use the whole machine.
func newTurns() *turns { return &turns{taken: make(chan struct{}, runtime.GOMAXPROCS(0))} }

// take waits for a turn.
func (t *turns) take() {
	if t.try() {
		return
	}
	t.taken <- struct{}{}
	// The scheduler runs a goroutine that was handed something at once, in what is left of the time of the one before. A queue
	// of them would keep the processor for as long as it lasts.
	runtime.Gosched()
}

// try takes a turn if there is one, and reports whether it did.
func (t *turns) try() bool {
	select {
	case t.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// give gives a turn back.
func (t *turns) give() { <-t.taken }

// turn is the turn of one goroutine, which it may or may not hold.
type turn struct{ of *turns }

// take waits for a turn of the client's, unless the goroutine holds one or the client has few connections.
func (t *turn) take(account *clientAccount) {
	if t.try(account) {
		return
	}
	of := account.turns.Load()
	of.take()
	t.of = of
}

// try is take where that need not wait, and reports whether it was done.
func (t *turn) try(account *clientAccount) bool {
	if t.of != nil || account == nil {
		return true
	}
	of := account.turns.Load()
	if of == nil {
		return true
	}
	if !of.try() {
		return false
	}
	t.of = of
	return true
}

// give gives the turn back, if the goroutine holds one.
func (t *turn) give() {
	if t.of != nil {
		t.of.give()
		t.of = nil
	}
}
