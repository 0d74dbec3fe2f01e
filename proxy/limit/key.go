package limit

import (
	"encoding/binary"
	"net/netip"
)

// Key identifies a client to the limiter (S-7.2): a whole IPv4 address, or the /64 prefix of an IPv6 address, because a
// subscriber gets a /64 and can change addresses within it at will. It is a plain pair of numbers and not a netip.Addr,
// so hashing it neither follows a pointer nor allocates.
type Key struct {
	hi, lo uint64
}

// NewKey reduces a peer address to its key. It treats IPv4-mapped IPv6 addresses as IPv4 and ignores zones. All peers
// without an address (the zero Addr) share one key. IPv4 keys lie in ::ffff:0:0/96 and prefix keys end in 64 zero bits,
// so the two kinds never collide.
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

// Words returns the key as two numbers.
func (k Key) Words() (hi, lo uint64) { return k.hi, k.lo }
