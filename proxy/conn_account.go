package proxy

import (
	"net/netip"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// accountedConn is a client's connection as the account of all connections sees it, on whichever port and over whichever
// protocol. The registry calls its methods with its lock held: they do not block.
type accountedConn interface {
	// entry returns what the registry keeps with the connection.
	entry() *connEntry
	// deadline returns the connection's clock, for the sweeper.
	deadline() *deadline.Watch
	// idleFor returns how long the connection has been idle; false while it is in use.
	idleFor() (time.Duration, bool)
	// use returns what the connection is in use for.
	use() connUse
	// endIdle closes the connection if it is still idle, and reports whether it was.
	endIdle() bool
	// drain closes the connection when it has nothing in flight any more (S-11.1).
	drain()
	// cut ends the connection at once because of cause, with whatever is in flight.
	cut(cause error)
	// peer returns the address of the connection's client.
	peer() netip.Addr
	// state returns the protocol and state that the connection is counted by.
	state() (protocol, state int)
}

// connEntry is what the registry keeps with a connection. The registry's mu guards what does not stay the same.
type connEntry struct {
	// account is what the connection's client holds; set when the connection is registered.
	account *clientAccount
	// number is the connection's place in the order of admission.
	number uint64
	// leaving is set when the connection was told to make room.
	leaving bool
}

// entry implements accountedConn for the connection that the entry is embedded in.
func (e *connEntry) entry() *connEntry { return e }

// connUse is what a connection is in use for, in the order in which connections of a client above its share are cut: those
// first whose end costs their client least.
type connUse int

const (
	useHandshake connUse = iota
	useWaiting           // for a request
	useHead
	useLinger
	useRequest
)

// ticket is the place of a connection that was accepted in the queue for room.
type ticket struct {
	key limit.Key
	// account is the client's account; set when the connection is admitted.
	account *clientAccount
	// held is how many connections the client had when this one was refused.
	held int
	// result is valid when done is closed.
	result admission
	done   chan struct{}
}

// admission is what becomes of a connection that was accepted.
type admission int

const (
	// admitted is a connection that has its room.
	admitted admission = iota
	// refused is a connection of a client that holds its share, where nobody's connection is idle.
	refused
	// ended is a connection that came too late.
	ended
)

// decided is the channel of tickets that never had to wait.
var decided = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// wait waits until it is decided what becomes of the connection.
func (t *ticket) wait() admission {
	<-t.done
	return t.result
}

// decide ends the wait.
func (t *ticket) decide(result admission) {
	t.result = result
	close(t.done)
}
