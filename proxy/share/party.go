package share

import "sync/atomic"

// Client counts one client's part of the connections to upstreams. The zero value holds nothing.
type Client struct {
	// used is the number of connections that the client's requests use.
	used atomic.Int32
	// waiting is the number of its requests that wait for a connection. The mu of Slots guards it.
	waiting int
}

// Used returns the number of connections that the client's requests use.
func (c *Client) Used() int { return int(c.used.Load()) }

// Upstream counts one upstream's part of the connections. The zero value holds nothing and has no bound itself.
type Upstream struct {
	// Held returns the number of the upstream's connections that a client uses. It is called only if the upstream has a
	// bound of its own, and must not call Slots.
	Held func(*Client) int
	// most is the upstream's own bound; 0 means none.
	most atomic.Int32
	// used is the number of connections that requests use.
	used atomic.Int32
	// open is the number of slots that its connections have, whether idle or in use. waiting is the number of requests that
	// wait for a connection. The mu of Slots guards both.
	open, waiting int
}

// Bound sets the upstream's own bound on its connections; 0 removes it.
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

const (
	// None means no share. As the reason for a refusal it means a full queue.
	None Limit = iota
	// OfClient is a client's share, and OfUpstream an upstream's.
	OfClient
	OfUpstream
	// Stalled is not a share: it means that a client held up its own response or request longer than all others.
	Stalled
	// Reserve is not a share either: it means that an upstream that used less than the reserve needed a connection, and
	// others used more.
	Reserve
	// Limits is the number of limits.
	Limits
)

// String returns the limit's name in logs and metrics.
func (l Limit) String() string {
	return [...]string{"queue", "client", "upstream", "stalled", "reserve"}[l]
}

// quarter and half return the shares of n that a client and an upstream have.
func quarter(n int) int { return max(1, n/4) }
func half(n int) int    { return max(1, n/2) }

// reserve returns how many of n connections an upstream can get even if other upstreams hold all of them. Several upstreams
// that hang can hold all of them while each is within its share. No connection is kept free for the reserve: upstreams that
// use more give way.
func reserve(n int) int { return max(1, n/16) }
