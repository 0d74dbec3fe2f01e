package share

import "sync/atomic"

// Client is what one client holds of the connections to upstreams. The zero value holds nothing.
type Client struct {
	// used is how many connections its requests use.
	used atomic.Int32
	// waiting is how many of its requests wait for one. The mu of Slots guards it.
	waiting int
}

// Used returns how many connections the client's requests use.
func (c *Client) Used() int { return int(c.used.Load()) }

// Upstream is what the connections to one upstream hold. The zero value holds nothing and has no bound of its own.
type Upstream struct {
	// Held returns how many of the upstream's connections a client uses. It is asked only where the upstream has a bound of
	// its own, and must not call Slots.
	Held func(*Client) int
	// most is that bound; 0 for none.
	most atomic.Int32
	// used is how many connections requests use.
	used atomic.Int32
	// open is how many slots its connections have, idle or not, and waiting how many requests wait for one. The mu of Slots
	// guards both.
	open, waiting int
}

// Bound gives the upstream a bound of its own on its connections, or none with 0.
func (u *Upstream) Bound(most int) { u.most.Store(int32(most)) }

// Used returns how many of the upstream's connections requests use.
func (u *Upstream) Used() int { return int(u.used.Load()) }

// full reports whether the upstream's own bound allows no further connection. The caller holds the mu of Slots.
func (u *Upstream) full() bool {
	most := int(u.most.Load())
	return most > 0 && u.open >= most
}

// Enter counts a connection that a request begins to use.
func Enter(c *Client, u *Upstream) {
	c.used.Add(1)
	u.used.Add(1)
}

// Leave counts a connection that a request uses no more.
func Leave(c *Client, u *Upstream) {
	c.used.Add(-1)
	u.used.Add(-1)
}

// Limit is what a client or an upstream has met.
type Limit uint8

// The limits.
const (
	// None is no share. As a refusal it is that of a full queue.
	None Limit = iota
	// OfClient is the share of a client, OfUpstream that of an upstream.
	OfClient
	OfUpstream
	// Stalled is no share: a client held up its own response, or its own request, longer than all others.
	Stalled
	// Reserve is no share either: other upstreams used more than the reserve, which an upstream that used less needed.
	Reserve
	// Limits is how many there are.
	Limits
)

// String returns the limit's name in logs and metrics.
func (l Limit) String() string {
	return [...]string{"queue", "client", "upstream", "stalled", "reserve"}[l]
}

// quarter and half are the shares of n of a client and of an upstream.
func quarter(n int) int { return max(1, n/4) }
func half(n int) int    { return max(1, n/2) }

// reserve is how many connections of n an upstream can get, however many other upstreams hold all of them: several that hang
// can do so without one of them being above its share. Nothing is kept free for it; those that use more give way.
func reserve(n int) int { return max(1, n/16) }
