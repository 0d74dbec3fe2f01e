package clientaddr

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/prefixes"
)

// proxies are the trusted addresses of these tests.
var proxies = prefixes.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")})

const forwardedFor = "X-Forwarded-For"

func lines(values ...string) http1.Fields {
	fields := http1.Fields{{Name: "Accept", Value: "192.0.2.99"}}
	for _, value := range values {
		fields = append(fields, http1.Field{Name: forwardedFor, Value: value}, http1.Field{Name: "X-Other", Value: "192.0.2.98"})
	}
	return fields
}

func TestTheClientIsTheFirstUntrustedAddressFromTheRight(t *testing.T) {
	tests := []struct {
		name, peer string
		lines      []string
		want       string
		end        End
	}{
		{"the peer is not trusted", "192.0.2.1", []string{"203.0.113.9"}, "192.0.2.1", PeerNotTrusted},
		{"the peer is not trusted and names a proxy", "192.0.2.1", []string{"203.0.113.9, 10.0.0.1"}, "192.0.2.1", PeerNotTrusted},
		{"the peer is an IPv4-mapped address", "::ffff:10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", Untrusted},
		{"the field is missing", "10.0.0.1", nil, "10.0.0.1", NoMore},
		{"the field has one address", "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", Untrusted},
		{"the leftmost address is not believed", "10.0.0.1", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9", Untrusted},
		{"trusted proxies are skipped", "10.0.0.1", []string{"198.51.100.1, 203.0.113.9, 10.0.0.7,2001:db8::7"}, "203.0.113.9", Untrusted},
		{"lines are read as one list", "10.0.0.1", []string{"198.51.100.1", "203.0.113.9, 10.0.0.7", "10.0.0.8"}, "203.0.113.9", Untrusted},
		{"the last line is read first", "10.0.0.1", []string{"10.0.0.9", "203.0.113.9"}, "203.0.113.9", Untrusted},
		{"all addresses are trusted", "10.0.0.1", []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.2", NoMore},
		{"the rightmost element is garbage", "10.0.0.1", []string{"203.0.113.9, garbage"}, "10.0.0.1", NotAnAddress},
		{"garbage is to the left of a proxy", "10.0.0.1", []string{"203.0.113.9, unknown, 10.0.0.7"}, "10.0.0.7", NotAnAddress},
		{"garbage is to the left of the client", "10.0.0.1", []string{"unknown, 203.0.113.9"}, "203.0.113.9", Untrusted},
		{"the last line is empty", "10.0.0.1", []string{"203.0.113.9", ""}, "10.0.0.1", NotAnAddress},
		{"an element is empty", "10.0.0.1", []string{"203.0.113.9, , 10.0.0.7"}, "10.0.0.7", NotAnAddress},
		{"the last element is empty", "10.0.0.1", []string{"203.0.113.9,"}, "10.0.0.1", NotAnAddress},
		{"the address is in white space", "10.0.0.1", []string{" \t203.0.113.9 \t"}, "203.0.113.9", Untrusted},
		{"the address has a port", "10.0.0.1", []string{"203.0.113.9:4711"}, "203.0.113.9", Untrusted},
		{"the address is an IPv6 one", "10.0.0.1", []string{"2001:DB9::0001"}, "2001:db9::1", Untrusted},
		{"the IPv6 address is in brackets", "10.0.0.1", []string{"[2001:db9::1]"}, "2001:db9::1", Untrusted},
		{"the IPv6 address has a port", "10.0.0.1", []string{"[2001:db9::1]:443"}, "2001:db9::1", Untrusted},
		{"the address is IPv4-mapped", "10.0.0.1", []string{"::ffff:203.0.113.9"}, "203.0.113.9", Untrusted},
		{"a proxy's address is IPv4-mapped", "10.0.0.1", []string{"203.0.113.9, ::ffff:10.0.0.7"}, "203.0.113.9", Untrusted},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found := Find(netip.MustParseAddr(test.peer), lines(test.lines...), "x-forwarded-for", proxies)
			if found.Client.String() != test.want || found.End != test.end {
				t.Errorf("got %v, %v; want %v, %v", found.Client, found.End, test.want, test.end)
			}
			if found.Line >= 0 {
				value := lines(test.lines...)[found.Line].Value
				if addr, ok := parse(value[found.At : found.At+found.Length]); !ok || addr != found.Client {
					t.Errorf("the place of the client is %q, which is not %v", value[found.At:found.At+found.Length], found.Client)
				}
			}
		})
	}
}

func TestWhatIsNoAddressEndsTheSearch(t *testing.T) {
	for _, text := range []string{
		"unknown", "_hidden", "_SEVKISEK", "localhost", "example.com", `"203.0.113.9"`, `"[2001:db9::1]:443"`, "for=203.0.113.9",
		"203.0.113", "203.0.113.9.1", "203.0.113.256", "203.0.113.09", "0xcb.0.113.9", "3405803785", "203.0.113.9/32",
		"203.0.113.9:", "203.0.113.9:http", "203.0.113.9:65536", "203.0.113.9:123456", "203.0.113.9:-1", ":80",
		"[203.0.113.9]", "[203.0.113.9]:80", "[2001:db9::1", "2001:db9::1]", "[2001:db9::1]x", "[2001:db9::1]:", "[]", "[]:80", "[[::1]]",
		"2001:db9:::1", "2001:db9::1::2", "2001:db9::g", "fe80::1%eth0", "[fe80::1%25eth0]:80", "::ffff:203.0.113.256",
		"0.0.0.0", "::", "[::]:80", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0",
		"203.0.113.9 198.51.100.1", "203.0.113.9;198.51.100.1", "203.0.113.9\x00", "２０３.0.113.9", "203.0.113.9\u00a0",
		strings.Repeat("1", 64<<10),
	} {
		found := Find(netip.MustParseAddr("10.0.0.1"), lines("198.51.100.1, "+text), forwardedFor, proxies)
		if found.Client.String() != "10.0.0.1" || found.End != NotAnAddress {
			t.Errorf("%.40q: got %v, %v; want the peer", text, found.Client, found.End)
		}
	}
}

func TestLongChainsAreReadToTheirEnd(t *testing.T) {
	chain := "203.0.113.9" + strings.Repeat(",10.0.0.7", 10_000)
	if found := Find(netip.MustParseAddr("10.0.0.1"), lines(chain), forwardedFor, proxies); found.Client.String() != "203.0.113.9" {
		t.Errorf("got %v after ten thousand proxies", found.Client)
	}
	chain = strings.Repeat("203.0.113.9,", 10_000) + "198.51.100.1"
	if found := Find(netip.MustParseAddr("10.0.0.1"), lines(chain), forwardedFor, proxies); found.Client.String() != "198.51.100.1" {
		t.Errorf("got %v, which is not the last of ten thousand", found.Client)
	}
}

// TestNothingToTheLeftOfTheClientCounts is the property that makes the search safe: whatever a client puts before the address
// that a trusted proxy has appended for it changes nothing.
func TestNothingToTheLeftOfTheClientCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	elements := []string{"203.0.113.9", "10.0.0.1", "unknown", "", "[::1]:1", "2001:db8::1", "\t", "1.2.3.4:5", "::ffff:10.0.0.1", "a,b", "\"", "fe80::1%1"}
	chain := func() string {
		var parts []string
		for range random.IntN(6) {
			parts = append(parts, elements[random.IntN(len(elements))])
		}
		return strings.Join(parts, ",")
	}
	for range 5000 {
		client := fmt.Sprintf("198.51.100.%d", random.IntN(256))
		var sent []string
		for range random.IntN(3) {
			sent = append(sent, chain())
		}
		appended := client
		for range random.IntN(4) {
			appended += fmt.Sprintf(", 10.0.%d.%d", random.IntN(256), random.IntN(256))
		}
		if random.IntN(2) == 0 && len(sent) > 0 { // a proxy appends to the last line, or adds one
			sent[len(sent)-1] += "," + appended
		} else {
			sent = append(sent, appended)
		}
		if found := Find(netip.MustParseAddr("10.9.9.9"), lines(sent...), forwardedFor, proxies); found.Client.String() != client || found.End != Untrusted {
			t.Fatalf("%q: got %v, want %s", sent, found.Client, client)
		}
		if found := Find(netip.MustParseAddr("192.0.2.1"), lines(sent...), forwardedFor, proxies); found.Client.String() != "192.0.2.1" {
			t.Fatalf("%q from no proxy: got %v", sent, found.Client)
		}
	}
}

func TestASearchAllocatesNothing(t *testing.T) {
	peer := netip.MustParseAddr("10.0.0.1")
	for _, value := range []string{"198.51.100.1, 203.0.113.9, 10.0.0.7, [2001:db8::7]:443", "unknown", "198.51.100.1, _hidden", ""} {
		fields := lines(value)
		if n := testing.AllocsPerRun(100, func() { Find(peer, fields, forwardedFor, proxies) }); n != 0 {
			t.Errorf("%q: got %v allocations, want 0", value, n)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"203.0.113.9", "198.51.100.1, 203.0.113.9,10.0.0.1", "[2001:db9::1]:443\n10.0.0.1", "unknown", "_a", ",,,", "fe80::1%eth0",
		"10.0.0.1" + strings.Repeat(",10.0.0.2", 10_000), strings.Repeat("x", 64<<10), "::ffff:10.0.0.1:80", "\n\n",
	} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, trusted bool) {
		peer := netip.MustParseAddr("192.0.2.1")
		if trusted {
			peer = netip.MustParseAddr("10.0.0.1")
		}
		fields := lines(strings.Split(text, "\n")...)
		found := Find(peer, fields, forwardedFor, proxies)
		client := found.Client
		switch {
		case !client.IsValid() || client.Is4In6() || client.Zone() != "" || client.IsUnspecified():
			t.Errorf("the client is %v", client)
		case !trusted && (client != peer || found.End != PeerNotTrusted):
			t.Errorf("an untrusted peer is believed: %v", found)
		case found.End == Untrusted && proxies.Contains(client), trusted && found.End != Untrusted && !proxies.Contains(client):
			t.Errorf("the search ended at %v: %v", client, found.End)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	peer := netip.MustParseAddr("10.0.0.1")
	for _, value := range []string{"203.0.113.9", "198.51.100.1, 203.0.113.9, 10.0.0.7, 10.0.0.8"} {
		fields := lines(value)
		b.Run(fmt.Sprint(strings.Count(value, ",")+1), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Find(peer, fields, forwardedFor, proxies)
			}
		})
	}
}
