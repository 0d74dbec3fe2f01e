package acmedns

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// answersPerSecond is the most answers to one address in any second (S-20.4), so that the responder is of little use for
	// a flood of answers to a forged address.
	answersPerSecond = 10
	// maxAddresses bounds the addresses that are answered in any second, so that forged ones cost bounded memory.
	maxAddresses = 4096
)

// allowance decides which addresses get an answer.
type allowance struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*latest
	swept     time.Time
}

// latest has the times of the latest answers to an address. next is the index of the oldest.
type latest struct {
	times [answersPerSecond]time.Time
	next  int
}

// take reports whether an address may get an answer now, and counts it.
func (a *allowance) take(addr netip.Addr, now time.Time) bool {
	prefix := clientOf(addr)
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.addresses[prefix]
	if l == nil {
		if len(a.addresses) >= maxAddresses && !a.sweep(now) {
			return false
		}
		if a.addresses == nil {
			a.addresses = map[netip.Prefix]*latest{}
		}
		l = &latest{}
		a.addresses[prefix] = l
	}
	if oldest := l.times[l.next]; !oldest.IsZero() && now.Sub(oldest) < time.Second {
		return false
	}
	l.times[l.next] = now
	l.next = (l.next + 1) % answersPerSecond
	return true
}

// sweep forgets the addresses without an answer within the last second, and reports whether there is room now. It looks
// at most ten times a second. The caller holds mu.
func (a *allowance) sweep(now time.Time) bool {
	if now.Sub(a.swept) < time.Second/10 {
		return false
	}
	a.swept = now
	for prefix, l := range a.addresses {
		newest := l.times[(l.next+answersPerSecond-1)%answersPerSecond]
		if now.Sub(newest) >= time.Second {
			delete(a.addresses, prefix)
		}
	}
	return len(a.addresses) < maxAddresses
}

// clientOf returns the network that counts as one client: an IPv4 address, or a /64 of IPv6.
func clientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // the zero Addr has the zero Prefix
	return prefix
}
