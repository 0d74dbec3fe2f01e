package proxy

import (
	"net/netip"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// accountedConn is a client's connection as the registry of connections sees it, on any port and over any protocol. The
// registry calls its methods with its lock held, so they must not block.
type accountedConn interface {
	// entry returns the registry's data for the connection.
	entry() *connEntry
	// deadline returns the connection's deadline, for the sweeper.
	deadline() *deadline.Timer
	// idleFor returns how long the connection has been idle. ok is false while it is in use.
	idleFor() (time.Duration, bool)
	// use returns what the connection is in use for.
	use() connUse
	// endIdle closes the connection if it is still idle, and reports whether it was.
	endIdle() bool
	// drain closes the connection once it has nothing in flight (S-11.1).
	drain()
	// cut ends the connection immediately with cause, without regard to requests in flight.
	cut(cause error)
	// peer returns the address of the connection's client.
	peer() netip.Addr
	// state returns the protocol and state under which the connection is counted.
	state() (protocol, state int)
}

// connEntry is the registry's data for a connection. The registry's mu guards the fields that change.
type connEntry struct {
	// account is the account of the connection's client; set when the connection is registered.
	account *clientAccount
	// number is the connection's position in the order of admission.
	number uint64
	// leaving reports whether the connection was told to make room.
	leaving bool
	// asked is the last round in which the connection was asked to make room but had a new request (idleList).
	asked uint64
}

// entry implements accountedConn for the connection that the entry is embedded in.
func (e *connEntry) entry() *connEntry { return e }

// connUse is what a connection is in use for. The values are in the order in which the connections of a client above
// its share are cut: those that cost their client least come first.
type connUse int

const (
	useHandshake connUse = iota
	useWaiting           // waits for a request
	useHead
	useLinger
	useRequest
)

// ticket is the place of an accepted connection in the queue for room.
type ticket struct {
	key limit.Key
	// proxy reports whether the peer is a trusted proxy.
	proxy bool
	// account is the client's account. It is set when the connection is admitted.
	account *clientAccount
	// held is how many connections the client had when this one was refused.
	held int
	// result is valid when done is closed.
	result admission
	done   chan struct{}
}

// admission is what becomes of an accepted connection.
type admission int

const (
	// admitted means that the connection has room.
	admitted admission = iota
	// refused means that the client holds its share and no connection is idle.
	refused
	// ended means that the connection was accepted too late, after the end of a drain.
	ended
)

// decided is the channel of tickets that need not wait. It is already closed.
var decided = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// wait waits for the result and returns it.
func (t *ticket) wait() admission {
	<-t.done
	return t.result
}

// decide sets the result and ends the wait.
func (t *ticket) decide(result admission) {
	t.result = result
	close(t.done)
}
