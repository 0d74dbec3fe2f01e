// Package prefixes holds sets of networks, such as the addresses of trusted proxies or the lists of who may use a site. It
// opens no files and knows nothing of the configuration.
package prefixes

import (
	"math/bits"
	"net/netip"
	"slices"
)

// Set is a set of networks. A look-up costs at most one step for each byte of the address, however many networks there are,
// and allocates nothing. A Set never changes; the nil Set is empty.
type Set struct {
	v4, v6 *node
	list   []netip.Prefix
}

// node is a node of a trie that branches at bytes of an address. Bytes in which all networks below a node agree have no nodes
// of their own, so there are fewer than two nodes for each network.
type node struct {
	// depth is the index of the byte at which the node branches. shared has the bytes before it.
	depth  int
	shared [16]byte
	// within has a bit for each value of the byte that suffices: an address with it is in the set, whatever bytes follow.
	within bitmap
	// longer has a bit for each value after which later bytes decide. next has the nodes for these, in their order.
	longer bitmap
	next   []*node
}

// bitmap has a bit for each value of a byte.
type bitmap [4]uint64

func (b *bitmap) has(value byte) bool { return b[value>>6]&(1<<(value&63)) != 0 }

func (b *bitmap) set(value byte) { b[value>>6] |= 1 << (value & 63) }

func (b *bitmap) clear(value byte) { b[value>>6] &^= 1 << (value & 63) }

// below returns the number of bits that are set for smaller values.
func (b *bitmap) below(value byte) (n int) {
	word := value >> 6
	for i := range word {
		n += bits.OnesCount64(b[i])
	}
	return n + bits.OnesCount64(b[word]&(1<<(value&63)-1))
}

// New returns the set of all addresses that are in any of the networks, which may overlap. It keeps the list. Each network is
// valid and has no bits after its length.
func New(networks []netip.Prefix) *Set {
	s := &Set{list: networks}
	for _, network := range networks {
		if addr := network.Addr(); addr.Is4() {
			bytes := addr.As4()
			insert(&s.v4, bytes[:], network.Bits())
		} else {
			bytes := addr.As16()
			insert(&s.v6, bytes[:], network.Bits())
		}
	}
	return s
}

// insert adds the network that has the first length bits of the address to the trie at the place.
func insert(place **node, address []byte, length int) {
	end := max(length-1, 0) / 8 // the byte in which the network ends
	for {
		n := *place
		if n == nil {
			n = newNode(address, end)
			*place = n
		}
		if same := sharedBytes(address[:end], n.shared[:n.depth]); same < n.depth {
			above := newNode(address, same)
			above.attach(n.shared[same], n)
			*place, n = above, above
		}
		value := address[n.depth]
		switch {
		case n.depth == end:
			n.add(address, length)
			return
		case n.within.has(value):
			return // a larger network has it already
		case !n.longer.has(value):
			n.attach(value, newNode(address, end))
		}
		place = &n.next[n.longer.below(value)]
	}
}

// newNode returns a node that branches at the byte with that index of an address.
func newNode(address []byte, depth int) *node {
	n := &node{depth: depth}
	copy(n.shared[:], address[:depth])
	return n
}

// add adds a network that ends in the node's byte, and removes the nodes below it.
func (n *node) add(address []byte, length int) {
	first := int(address[n.depth])
	for value := first; value < first+1<<(8*(n.depth+1)-length); value++ {
		n.within.set(byte(value))
		if n.longer.has(byte(value)) {
			at := n.longer.below(byte(value))
			n.next = slices.Delete(n.next, at, at+1)
			n.longer.clear(byte(value))
		}
	}
}

// attach puts a node below this one, for a value that has none.
func (n *node) attach(value byte, below *node) {
	n.next = slices.Insert(n.next, n.longer.below(value), below)
	n.longer.set(value)
}

// sharedBytes returns in how many bytes from the first both slices agree.
func sharedBytes(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// contains reports whether the address is in one of the networks of the trie.
func (n *node) contains(address []byte) bool {
	for n != nil && string(address[:n.depth]) == string(n.shared[:n.depth]) {
		value := address[n.depth]
		switch {
		case n.within.has(value):
			return true
		case !n.longer.has(value):
			return false
		}
		n = n.next[n.longer.below(value)]
	}
	return false
}

// Contains reports whether the address is in the set. An IPv4-mapped IPv6 address counts as IPv4, and a zone is ignored. The
// zero Addr is in no set.
func (s *Set) Contains(addr netip.Addr) bool {
	if s == nil || !addr.IsValid() {
		return false
	}
	if addr = addr.Unmap(); addr.Is4() {
		bytes := addr.As4()
		return s.v4.contains(bytes[:])
	}
	bytes := addr.As16()
	return s.v6.contains(bytes[:])
}

// Find returns the longest of the networks that contain the address. It looks at each of them, and is for explanations.
func (s *Set) Find(addr netip.Addr) (found netip.Prefix, ok bool) {
	if !s.Contains(addr) {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	for _, network := range s.list {
		if network.Contains(addr) && (!ok || network.Bits() > found.Bits()) {
			found, ok = network, true
		}
	}
	return found, ok
}

// List returns the networks that the set was made of. The caller must not change it.
func (s *Set) List() []netip.Prefix {
	if s == nil {
		return nil
	}
	return s.list
}

// Equal reports whether both sets were made of the same list. go-cmp compares configurations by it in tests.
func (s *Set) Equal(other *Set) bool { return slices.Equal(s.List(), other.List()) }
