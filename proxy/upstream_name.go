package proxy

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// lookUpFunc finds the addresses of a name.
type lookUpFunc func(ctx context.Context, name string) ([]netip.Addr, error)

// systemLookUp asks the system's resolver, which uses /etc/hosts and the servers of /etc/resolv.conf and reads both
// again when they change.
func systemLookUp(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// upstreamName is the name of an upstream with the latest addresses found.
type upstreamName struct {
	name  string
	names *upstreamNames
	// found holds the addresses, in the order in which they are tried. It is nil until a look-up has succeeded. The
	// slice is never modified.
	found atomic.Pointer[[]netip.Addr]

	mu sync.Mutex
	// running is the look-up in progress, or nil.
	running *lookUp
	// due is when the next look-up must begin. failing reports whether the last one failed.
	due     time.Time
	failing bool
	// interval is the time between the next look-up and the one after it, or 0 for lookUpInterval.
	interval time.Duration
	// turn is the name's place in a lane (a queue of names to look up), or nil. The mu of names guards it.
	turn *lookUpTurn
}

// lookUp is one look-up. err is set when done is closed.
type lookUp struct {
	began time.Time
	done  chan struct{}
	err   error
}

// addresses returns the addresses of the name. It waits for a look-up only while no addresses are known.
func (n *upstreamName) addresses(ctx context.Context) ([]netip.Addr, error) {
	if found := n.found.Load(); found != nil {
		return *found, nil
	}
	run := n.begin()
	select {
	case <-run.done:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, &net.DNSError{Err: "no answer within upstream_connect_timeout_secs", Name: n.name, IsTimeout: true}
		}
		return nil, ctx.Err()
	}
	if found := n.found.Load(); found != nil {
		return *found, nil
	}
	return nil, run.err
}

// has reports whether the address is among the latest ones found.
func (n *upstreamName) has(address netip.Addr) bool {
	found := n.found.Load()
	return found != nil && slices.Contains(*found, address)
}

// prefer moves an address that was reached to the front, before those that could not be reached.
func (n *upstreamName) prefer(address netip.Addr) {
	found := n.found.Load()
	if found == nil || (*found)[0] == address {
		return
	}
	at := slices.Index(*found, address)
	if at < 0 {
		return
	}
	order := append([]netip.Addr{address}, slices.Delete(slices.Clone(*found), at, at+1)...)
	n.found.CompareAndSwap(found, &order) // the result of a look-up that has just ended is better
}

// dueBy reports whether the next look-up must begin by then, and whether the last one failed. No look-up is due for a
// name that was never requested.
func (n *upstreamName) dueBy(then time.Time) (due, failing bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.due.IsZero() && !then.Before(n.due), n.failing
}

// dueAgain makes the look-up after the next one come earlier than usual.
func (n *upstreamName) dueAgain(interval time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.interval = interval
}

// begin begins a look-up, or joins the one in progress.
func (n *upstreamName) begin() *lookUp {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running != nil {
		return n.running
	}
	run := &lookUp{began: time.Now(), done: make(chan struct{})}
	if !n.names.start(func() { n.finish(run) }) {
		run.err = errNamesClosed
		close(run.done)
		return run
	}
	n.running, n.due, n.interval = run, run.began.Add(cmp.Or(n.interval, lookUpInterval)), 0
	return run
}

// finish runs the look-up and publishes its result. A failed look-up keeps the previous addresses (S-6.19).
func (n *upstreamName) finish(run *lookUp) {
	ctx, cancel := context.WithTimeout(n.names.ctx, lookUpTimeout)
	defer cancel()
	addresses, err := n.names.lookUp(ctx, n.name)
	addresses = uniqueAddresses(addresses)
	if err == nil && len(addresses) == 0 {
		err = &net.DNSError{Err: "no address", Name: n.name, IsNotFound: true}
	}
	n.mu.Lock()
	failed := n.failing
	n.failing, n.running = err != nil, nil
	n.mu.Unlock()
	switch {
	case err == nil:
		n.publish(addresses)
	case !failed && n.names.ctx.Err() == nil:
		n.names.logFailure(n, err)
	}
	run.err = err
	close(run.done)
}

// publish makes the addresses the ones to connect to.
func (n *upstreamName) publish(addresses []netip.Addr) {
	before := n.found.Swap(&addresses)
	if before == nil || sameAddresses(*before, addresses) {
		return
	}
	n.names.logChange(n, *before, addresses)
	n.names.moved(n)
}

// uniqueAddresses returns the addresses in their order, each once and in canonical form.
func uniqueAddresses(addresses []netip.Addr) []netip.Addr {
	var unique []netip.Addr
	for _, address := range addresses {
		if address = address.Unmap(); address.IsValid() && !slices.Contains(unique, address) {
			unique = append(unique, address)
		}
	}
	return unique
}

// sameAddresses reports whether two lists of unique addresses hold the same addresses. The order does not matter,
// because servers rotate them.
func sameAddresses(a, b []netip.Addr) bool {
	if len(a) != len(b) {
		return false
	}
	for _, address := range a {
		if !slices.Contains(b, address) {
			return false
		}
	}
	return true
}

// addressList renders addresses for the log, in an order that does not depend on the server's.
func addressList(addresses []netip.Addr) string {
	sorted := slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)
	var text strings.Builder
	for i, address := range sorted {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(address.String())
	}
	return text.String()
}

// errNamesClosed is the error of a look-up after close.
var errNamesClosed = errors.New("the daemon is shutting down")
