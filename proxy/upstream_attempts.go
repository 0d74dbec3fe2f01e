package proxy

import (
	"context"
	"net"
	"net/netip"
	"time"
)

const (
	// nextAddressDelay is how long a connection attempt runs before the next address is tried in parallel (RFC 8305, section
	// 5).
	nextAddressDelay = 250 * time.Millisecond
	// lookUpPatience is how long a request waits for a look-up if its upstream cannot be reached at any address. The
	// look-up may show that the upstream has moved.
	lookUpPatience = 500 * time.Millisecond
	// renewInterval is the shortest time between two look-ups of a name whose upstream cannot be reached.
	renewInterval = time.Second
)

// dialFunc connects to one address.
type dialFunc func(ctx context.Context, to netip.AddrPort) (net.Conn, error)

// connect connects to the upstream at one of the addresses of its name, and returns that address. If none can be
// reached, it looks the name up again, so that a replaced server is found at once.
func (n *upstreamName) connect(ctx context.Context, port uint16, dial dialFunc) (net.Conn, netip.Addr, error) {
	addresses, err := n.addresses(ctx)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	conn, address, err := dialInTurn(ctx, addresses, port, dial)
	if err != nil {
		n.renew(ctx)
		if found := *n.found.Load(); ctx.Err() == nil && !sameAddresses(found, addresses) {
			conn, address, err = dialInTurn(ctx, found, port, dial)
		}
	}
	if err == nil {
		n.prefer(address)
	}
	return conn, address, err
}

// renew looks the name up out of turn, and waits for a short time. It neither repeats a recent look-up nor waits for a
// DNS server that did not answer last time.
func (n *upstreamName) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookUpPatience)
	defer cancel()
	if due, failing := n.dueBy(time.Now().Add(lookUpInterval - renewInterval)); !due || failing {
		return
	}
	select {
	case <-n.begin().done:
	case <-ctx.Done():
	}
}

// dialInTurn tries the addresses in order, each as soon as the one before has failed or has not answered for a while.
// It returns the first connection, or the first error.
func dialInTurn(ctx context.Context, addresses []netip.Addr, port uint16, dial dialFunc) (net.Conn, netip.Addr, error) {
	if len(addresses) == 1 {
		conn, err := dial(ctx, netip.AddrPortFrom(addresses[0], port))
		return conn, addresses[0], err
	}
	ctx, cancel := context.WithCancel(ctx) // ends the attempts that are no longer needed
	defer cancel()
	type result struct {
		conn    net.Conn
		address netip.Addr
		err     error
	}
	results := make(chan result)
	next, pending := 0, 0
	try := func() {
		address := addresses[next]
		next++
		pending++
		go func() {
			conn, err := dial(ctx, netip.AddrPortFrom(address, port))
			results <- result{conn, address, err}
		}()
	}
	timer := time.NewTimer(nextAddressDelay)
	defer timer.Stop()
	var first error
	for try(); ; {
		select {
		case r := <-results:
			pending--
			if r.err == nil {
				cancel()
				go func() { // closes the connection of an attempt that succeeded at the same moment
					for range pending {
						if late := <-results; late.err == nil {
							_ = late.conn.Close()
						}
					}
				}()
				return r.conn, r.address, nil
			}
			if first == nil {
				first = r.err
			}
			if next == len(addresses) && pending == 0 {
				return nil, netip.Addr{}, first
			}
		case <-timer.C:
		}
		if next < len(addresses) {
			try()
			timer.Reset(nextAddressDelay)
		}
	}
}
