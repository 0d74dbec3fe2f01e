package soak

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"sync"
	"sync/atomic"
)

// Load is a number of requests, each with an identity, through the proxy to an upstream for each host.
type Load struct {
	ids   identities
	hosts []string
	// unsteady is the host whose upstream may be restarted meanwhile; "" for none.
	unsteady  string
	upstreams []*upstream
	// port is the proxy's HTTPS port on 127.0.0.1.
	port string
	seen counters
	next atomic.Int64
	// end is behind the last request that Run makes.
	end    int
	faults findings
	// answered and left are how many requests were answered whole, and given up by their clients; failed are the others.
	answered, left, failed atomic.Int64
}

// NewLoad starts the upstreams of a load of up to n requests to the hosts, through the proxy's port. Close ends it.
func NewLoad(n int, hosts []string, port int) (*Load, error) {
	l := &Load{ids: identities{maphash.MakeSeed()}, hosts: hosts, port: strconv.Itoa(port), end: n, seen: make(counters, n)}
	for _, host := range hosts {
		u := &upstream{host: host, load: l}
		if err := u.start(); err != nil {
			l.Close()
			return nil, err
		}
		l.upstreams = append(l.upstreams, u)
	}
	return l, nil
}

// Close ends the upstreams.
func (l *Load) Close() {
	for _, u := range l.upstreams {
		u.stop()
	}
}

// limit sets how many requests are made in all. Nothing may run.
func (l *Load) limit(n int) {
	l.end = min(n, len(l.seen))
	l.next.Store(min(l.next.Load(), l.answered.Load()+l.left.Load()+l.failed.Load()))
}

// closeIdle closes the connections to the upstreams that nobody uses.
func (l *Load) closeIdle() {
	for _, u := range l.upstreams {
		u.closeIdle()
	}
}

// Sites returns the address of the upstream of each host.
func (l *Load) Sites() map[string]string {
	sites := map[string]string{}
	for _, u := range l.upstreams {
		sites[u.host] = u.addr
	}
	return sites
}

// String says how far the load has got.
func (l *Load) String() string {
	return fmt.Sprintf("%d requests answered, %d given up by their clients", l.answered.Load(), l.left.Load())
}

// strict reports whether a request that its client waits for must be answered.
func (l *Load) strict(p plan) bool { return p.host != l.unsteady }

// The clients of a load: so many with a connection each over HTTP/1.1, and so many with several streams each on a connection
// over HTTP/2.
const (
	http1Clients   = 12
	http2Clients   = 4
	streamsPerConn = 8
)

// Run makes the rest of the requests, or as many as fit until the context ends. It returns an error when one was mixed up,
// lost, or sent twice.
func (l *Load) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for i := range http1Clients {
		c := newClient(l, i, false)
		running.Go(func() {
			defer c.close()
			l.work(ctx, c)
		})
	}
	for i := range http2Clients {
		c := newClient(l, http1Clients+i, true)
		var streams sync.WaitGroup
		for range streamsPerConn {
			streams.Go(func() { l.work(ctx, c) })
		}
		running.Go(func() {
			streams.Wait()
			c.close()
		})
	}
	running.Wait()
	return l.faults.err()
}

// work makes one request after the other on a client.
func (l *Load) work(ctx context.Context, c *client) {
	for ctx.Err() == nil {
		n := int(l.next.Add(1)) - 1
		if n >= l.end {
			return
		}
		p := planOf(n, l.hosts)
		err := c.request(n, p)
		switch {
		case err == nil:
			l.answered.Add(1)
		case errors.Is(err, errLeft):
			l.left.Add(1)
		default:
			l.failed.Add(1)
		}
		var wrong mixedUp
		if err != nil && !errors.Is(err, errLeft) && (l.strict(p) || errors.As(err, &wrong)) {
			l.faults.add("request %d (%+v): %v", n, p, err)
		}
		if count := l.seen[n].Load(); l.strict(p) && (count > 1 || err == nil && count != 1) {
			l.faults.add("request %d (%+v): its upstream got it %d times, want once", n, p, count)
		}
	}
}
