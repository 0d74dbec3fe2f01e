package soak

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Load sends a number of requests, each with an identity, through the proxy to one upstream per host.
type Load struct {
	ids   identities
	hosts []string
	// overHTTP2 reports whether the upstreams speak only HTTP/2.
	overHTTP2 bool
	// unsteady is the host whose upstream may be restarted during the load; "" for none.
	unsteady  string
	upstreams []*upstream
	// port is the proxy's HTTPS port on 127.0.0.1.
	port string
	seen counters
	next atomic.Int64
	// end is the number after that of the last request that Run makes.
	end    int
	faults findings
	// answered counts requests answered completely, left those that their clients gave up, and failed all others.
	answered, left, failed atomic.Int64
}

// NewLoad starts the upstreams of a load of up to n requests to the hosts through the proxy's port. Close ends it.
func NewLoad(n int, hosts []string, port int) (*Load, error) {
	return newLoad(&Load{hosts: hosts, port: strconv.Itoa(port), end: n})
}

// NewLoadOverHTTP2 is NewLoad with upstreams that speak only HTTP/2.
func NewLoadOverHTTP2(n int, hosts []string, port int) (*Load, error) {
	return newLoad(&Load{hosts: hosts, port: strconv.Itoa(port), end: n, overHTTP2: true})
}

func newLoad(l *Load) (*Load, error) {
	l.ids, l.seen = identities{maphash.MakeSeed()}, make(counters, l.end)
	for _, host := range l.hosts {
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

// limit sets the total number of requests. No request may be running.
func (l *Load) limit(n int) {
	l.end = min(n, len(l.seen))
	l.next.Store(min(l.next.Load(), l.answered.Load()+l.left.Load()+l.failed.Load()))
}

// closeIdle closes the idle connections to the upstreams.
func (l *Load) closeIdle() {
	for _, u := range l.upstreams {
		u.closeIdle()
	}
}

// Sites returns the upstream address of each host.
func (l *Load) Sites() map[string]string {
	sites := map[string]string{}
	for _, u := range l.upstreams {
		sites[u.host] = u.addr
	}
	return sites
}

// Text returns the configuration of the sites.
func (l *Load) Text() string {
	protocol := "http1"
	if l.overHTTP2 {
		protocol = "http2"
	}
	var text strings.Builder
	for _, u := range l.upstreams {
		fmt.Fprintf(&text, "[[listeners.sites]]\nhost = %q\nupstream = %q\nupstream_protocol = %q\n", u.host, u.addr, protocol)
	}
	return text.String()
}

// String describes the progress of the load.
func (l *Load) String() string {
	return fmt.Sprintf("%d requests answered, %d given up by their clients", l.answered.Load(), l.left.Load())
}

// strict reports whether a request must be answered if its client waits for it.
func (l *Load) strict(p plan) bool { return p.host != l.unsteady }

// The clients of a load: the number with one HTTP/1.1 connection each, and the number with several streams each on one
// HTTP/2 connection.
const (
	http1Clients   = 12
	http2Clients   = 4
	streamsPerConn = 8
)

// Run makes the remaining requests, or as many as it can before the context ends. It returns an error if one was mixed up,
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

// work makes one request after another on a client.
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
