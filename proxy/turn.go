package proxy

import "runtime"

// A client with many connections could make thousands of goroutines runnable at once: each read brings a handshake to
// compute or heads to decode, and each head starts a stream. The scheduler is fair to goroutines, not to clients, so the
// one goroutine of another client would wait until all of them have run (S-12.6). Therefore a client's goroutines take
// turns: as many as there are processors run, and the others wait in their own queue, where they delay no other client.
//
// An HTTP/1.1 head takes no turn: it costs a few microseconds, one at a time on a connection, and a client with many
// connections is often a load balancer, whose requests should cost no more than others.
//
// A turn is only for computing: a goroutine gives it back before it waits for a client, an upstream or a share.

// crowdConns is the number of connections from which on a client takes turns. Fewer connections can make only little work
// runnable, and their requests pay nothing.
const crowdConns = 9

// turns are the turns of one client.
type turns struct {
	// taken holds an element for each taken turn. The channel hands turns on in the order of the requests for them.
	taken chan struct{}
	// intake bounds the streams that wait for a turn.
	intake intake
}

// newTurns returns as many turns as there are processors: the only busy client may use the whole machine.
func newTurns() *turns {
	t := &turns{taken: make(chan struct{}, runtime.GOMAXPROCS(0))}
	t.intake.room.L = &t.intake.mu
	return t
}

// take waits for a turn.
func (t *turns) take() {
	if t.try() {
		return
	}
	t.taken <- struct{}{}
	// The scheduler runs a goroutine that was handed a value immediately, in the rest of the previous goroutine's time
	// slice. A queue of them would keep the processor until it is empty.
	runtime.Gosched()
}

// try takes a turn if one is free. It reports whether it did.
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

// turn is the turn that one goroutine may hold, and the room that its stream over HTTP/2 takes until it waits for the first
// time.
type turn struct {
	of   *turns
	room *h2Room
}

// take waits for one of the client's turns, unless the goroutine holds one or the client has few connections.
func (t *turn) take(account *clientAccount) {
	if of := t.try(account); of != nil {
		t.await(of)
	}
}

// try does the same as take if that need not wait. Otherwise it returns the turns to await.
func (t *turn) try(account *clientAccount) *turns {
	if t.of != nil || account == nil {
		return nil
	}
	of := account.turns.Load()
	if of == nil {
		return nil
	}
	if !of.try() {
		return of
	}
	t.of = of
	return nil
}

// await waits for one of the turns.
func (t *turn) await(of *turns) {
	of.take()
	t.of = of
}

// give gives back the turn if the goroutine holds one, and the room if it has any.
func (t *turn) give() {
	t.pause()
	t.leaveRoom()
}

// leaveRoom gives back the room if the goroutine has any. From then on the stream counts toward the bound of what it
// waits for.
func (t *turn) leaveRoom() {
	if t.room != nil {
		t.room.leave(1)
		t.room = nil
	}
}

// pause gives back only the turn.
func (t *turn) pause() {
	if t.of != nil {
		t.of.give()
		t.of = nil
	}
}
