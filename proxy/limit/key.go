package limit

import (
	"encoding/binary"
	"net/netip"
)

// Key is what the rate limiter tells clients apart by (S-7.2): an IPv4 address whole, or the /64 prefix of an
// IPv6 address, because a /64 is what one subscriber gets and can change addresses within at will. It is a plain pair
// of numbers, not a netip.Addr, so that hashing it neither follows a pointer nor allocates.
type Key struct {
	hi, lo uint64
}

// NewKey reduces a peer address to its key. IPv4-mapped IPv6 addresses are IPv4, zones are ignored, and the
// invalid zero Addr has a key of its own, so that peers without an address share one bucket instead of having none.
// IPv4 keys lie in ::ffff:0:0/96, prefix keys end in 64 zero bits, and so the two kinds never meet.
func NewKey(addr netip.Addr) Key {
	if !addr.IsValid() {
		return Key{lo: 1}
	}
	b := addr.As16()
	key := Key{hi: binary.BigEndian.Uint64(b[:8])}
	if addr.Is4() || addr.Is4In6() {
		key.lo = binary.BigEndian.Uint64(b[8:])
	}
	return key
}
