package share

import "sync/atomic"

// Client is one client's part of the connections to upstreams. The zero value holds nothing.
type Client struct {
	// used is the number of connections that the client's requests use.
	used atomic.Int32
	// waiting is the number of its requests that wait for one. The mu of Slots guards it.
	waiting int
}

// Used returns the number of connections that the client's requests use.
func (c *Client) Used() int { return int(c.used.Load()) }

// Upstream is one upstream's part of the connections. The zero value holds nothing and has no bound of its own.
type Upstream struct {
	// Held returns the number of the upstream's connections that a client uses. It is called only if the upstream has a
	// bound of its own, and must not call Slots.
	Held func(*Client) int
	// most is that bound; 0 means none.
	most atomic.Int32
	// used is the number of connections that requests use.
	used atomic.Int32
	// open is the number of slots that its connections have, idle or not, and waiting the number of requests that wait for
	// one. The mu of Slots guards both.
	open, waiting int
}

// Bound gives the upstream a bound of its own on its connections; 0 removes it.
func (u *Upstream) Bound(most int) { u.most.Store(int32(most)) }

// Used returns the number of the upstream's connections that requests use.
func (u *Upstream) Used() int { return int(u.used.Load()) }

// full reports whether the upstream's own bound allows no further connection. The caller holds the mu of Slots.
func (u *Upstream) full() bool {
	most := int(u.most.Load())
	return most > 0 && u.open >= most
}

// Enter counts a connection that a request starts to use.
func Enter(c *Client, u *Upstream) {
	c.used.Add(1)
	u.used.Add(1)
}

// Leave counts a connection that a request no longer uses.
func Leave(c *Client, u *Upstream) {
	c.used.Add(-1)
	u.used.Add(-1)
}

// Limit is the limit that a client or an upstream has reached.
type Limit uint8

// The limits.
const (
	// None is no share. As the reason of a refusal it means a full queue.
	None Limit = iota
	// OfClient is the share of a client, OfUpstream that of an upstream.
	OfClient
	OfUpstream
	// Stalled is not a share: a client held up its own response, or its own request, longer than all others.
	Stalled
	// Reserve is not a share either: other upstreams used more than the reserve, and an upstream that used less needed a
	// connection.
	Reserve
	// Limits is the number of limits.
	Limits
)

// String returns the limit's name in logs and metrics.
func (l Limit) String() string {
	return [...]string{"queue", "client", "upstream", "stalled", "reserve"}[l]
}

// quarter and half are the shares that a client and an upstream have of n.
func quarter(n int) int { return max(1, n/4) }
func half(n int) int    { return max(1, n/2) }

// reserve is how many of n connections an upstream can get, however many other upstreams hold all of them: several that hang
// can do so without any of them being above its share. Nothing is kept free for it; those that use more give way.
func reserve(n int) int { return max(1, n/16) }
