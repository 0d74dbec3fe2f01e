package acmedns

import (
	"net/netip"
	"testing"
	"time"
)

func TestAnAddressGetsTenAnswersInAnySecond(t *testing.T) {
	var a allowance
	addr := netip.MustParseAddr("203.0.113.9")
	start := time.Now()
	var given []time.Time
	for at := start; at.Before(start.Add(5 * time.Second)); at = at.Add(7 * time.Millisecond) {
		if a.take(addr, at) {
			given = append(given, at)
		}
	}
	if len(given) != 50 {
		t.Errorf("got %d answers in 5 s, want 50", len(given))
	}
	for i := answersPerSecond; i < len(given); i++ {
		if given[i].Sub(given[i-answersPerSecond]) < time.Second {
			t.Fatalf("got 11 answers within %s", given[i].Sub(given[i-answersPerSecond]))
		}
	}
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.9", "203.0.113.9", true},
		{"203.0.113.9", "::ffff:203.0.113.9", true},
		{"203.0.113.9", "203.0.113.10", false},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if got := clientOf(netip.MustParseAddr(tc.a)) == clientOf(netip.MustParseAddr(tc.b)); got != tc.same {
			t.Errorf("%s and %s: got one address %v, want %v", tc.a, tc.b, got, tc.same)
		}
	}
}

func TestForgedAddressesCostBoundedMemory(t *testing.T) {
	var a allowance
	now := time.Now()
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	given := 0
	for i := range 10 * maxAddresses {
		if a.take(address(i), now) {
			given++
		}
	}
	if given != maxAddresses || len(a.addresses) != maxAddresses {
		t.Errorf("got %d answers and %d addresses, want %d", given, len(a.addresses), maxAddresses)
	}
	if !a.take(address(1), now) {
		t.Error("an address that is known is refused while there is no room for others")
	}
	if !a.take(address(20*maxAddresses), now.Add(time.Second)) {
		t.Error("a new address is refused a second later")
	}
	if len(a.addresses) != 1 {
		t.Errorf("got %d addresses a second later, want 1", len(a.addresses))
	}
}
