package prefixes

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func networks(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	var list []netip.Prefix
	for _, text := range texts {
		network, problem := Parse(text)
		if problem != "" {
			t.Fatalf("%q %s", text, problem)
		}
		list = append(list, network)
	}
	return list
}

func TestASetContainsTheAddressesOfItsNetworks(t *testing.T) {
	tests := []struct {
		networks []string
		in, out  []string
	}{
		{nil, nil, []string{"0.0.0.0", "::", "127.0.0.1"}},
		{[]string{"0.0.0.0/0"}, []string{"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, []string{"::", "::1"}},
		{[]string{"::/0"}, []string{"::", "2001:db8::1", "fe80::1%eth0"}, []string{"0.0.0.0", "::ffff:1.2.3.4"}},
		{[]string{"10.0.0.0/8"}, []string{"10.0.0.0", "10.255.255.255"}, []string{"9.255.255.255", "11.0.0.0", "::10.0.0.1"}},
		{[]string{"192.0.2.7"}, []string{"192.0.2.7"}, []string{"192.0.2.6", "192.0.2.8", "192.0.3.7"}},
		{[]string{"192.0.2.128/25"}, []string{"192.0.2.128", "192.0.2.255"}, []string{"192.0.2.127", "192.0.3.0"}},
		{[]string{"172.16.0.0/12"}, []string{"172.16.0.0", "172.31.255.255"}, []string{"172.15.255.255", "172.32.0.0"}},
		{[]string{"2001:db8::/32", "2001:db9::1"}, []string{"2001:db8:ffff::1", "2001:db9::1"}, []string{"2001:db9::2", "2001:db7::"}},
		{[]string{"10.1.2.3", "10.1.0.0/16", "10.0.0.0/8"}, []string{"10.1.2.3", "10.2.0.0"}, []string{"11.0.0.0"}},
		{[]string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"}, []string{"10.1.2.3", "10.2.0.0"}, []string{"11.0.0.0"}},
		{[]string{"128.0.0.0/1"}, []string{"128.0.0.0", "255.255.255.255"}, []string{"127.255.255.255"}},
	}
	for _, test := range tests {
		s := New(networks(t, test.networks...))
		for _, text := range test.in {
			if !s.Contains(netip.MustParseAddr(text)) {
				t.Errorf("%v does not contain %s", test.networks, text)
			}
		}
		for _, text := range test.out {
			if s.Contains(netip.MustParseAddr(text)) {
				t.Errorf("%v contains %s", test.networks, text)
			}
		}
	}
}

func TestTheNilSetAndTheZeroAddressMatchNothing(t *testing.T) {
	var none *Set
	if none.Contains(netip.MustParseAddr("10.0.0.1")) || none.List() != nil {
		t.Error("the nil set is not empty")
	}
	if New(networks(t, "0.0.0.0/0", "::/0")).Contains(netip.Addr{}) {
		t.Error("a set contains the zero address")
	}
}

// TestASetAgreesWithASearchThroughItsList compares look-ups with the list itself, over networks that overlap in every way.
func TestASetAgreesWithASearchThroughItsList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var list []netip.Prefix
		for range random.IntN(60) {
			list = append(list, randomNetwork(random))
		}
		s := New(list)
		for range 200 {
			addr := randomAddr(random)
			if len(list) > 0 && random.IntN(2) == 0 { // near an edge of a network
				addr = list[random.IntN(len(list))].Addr()
				if random.IntN(2) == 0 && addr.Prev().IsValid() {
					addr = addr.Prev()
				}
			}
			want := slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
			if got := s.Contains(addr); got != want {
				t.Fatalf("%v contains %s: got %v, want %v", list, addr, got, want)
			}
			found, ok := s.Find(addr)
			if ok != want || want && !found.Contains(addr) {
				t.Fatalf("the network of %s in %v: got %v, %v", addr, list, found, ok)
			}
			for _, p := range list {
				if ok && p.Contains(addr) && p.Bits() > found.Bits() {
					t.Fatalf("the network of %s: got %v, want the longer %v", addr, found, p)
				}
			}
		}
	}
}

// randomAddr returns an address of few different bytes, so that networks often overlap.
func randomAddr(random *rand.Rand) netip.Addr {
	var bytes [16]byte
	for i := range bytes {
		bytes[i] = []byte{0, 1, 127, 128, 254, 255}[random.IntN(6)]
	}
	if random.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte(bytes[:4]))
	}
	bytes[0] = 0x20
	return netip.AddrFrom16(bytes)
}

func randomNetwork(random *rand.Rand) netip.Prefix {
	addr := randomAddr(random)
	return netip.PrefixFrom(addr, random.IntN(addr.BitLen()+1)).Masked()
}

// largeSet returns the set of as many networks as a list may have.
func largeSet() *Set {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]netip.Prefix, 0, MaxNetworks)
	for len(list) < MaxNetworks {
		var bytes [16]byte
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		if len(list)%2 == 0 {
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte(bytes[:4])), 20+random.IntN(13)).Masked())
		} else {
			bytes[0] = 0x20
			list = append(list, netip.PrefixFrom(netip.AddrFrom16(bytes), 40+random.IntN(89)).Masked())
		}
	}
	return New(list)
}

func TestALookUpAllocatesNothing(t *testing.T) {
	s, four, six := largeSet(), netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { s.Contains(four); s.Contains(six) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func BenchmarkContains(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	addrs := make([]netip.Addr, 4096)
	for i := range addrs {
		var bytes [16]byte
		for j := range bytes {
			bytes[j] = byte(random.Uint32())
		}
		bytes[0] = 0x20
		if addrs[i] = netip.AddrFrom16(bytes); i%2 == 0 {
			addrs[i] = netip.AddrFrom4([4]byte(bytes[4:8]))
		}
	}
	for _, test := range []struct {
		name string
		set  *Set
	}{{"3", New(networks(b, "10.0.0.0/8", "192.0.2.7", "2001:db8::/32"))}, {"100000", largeSet()}} {
		b.Run(test.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				test.set.Contains(addrs[i&4095])
			}
		})
	}
}

func BenchmarkNew100000(b *testing.B) {
	list := largeSet().List()
	for b.Loop() {
		New(list)
	}
}
