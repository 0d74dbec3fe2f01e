package config

import (
	"net/netip"
	"testing"

	"reverse-proxy/proxy/access"
	"reverse-proxy/proxy/prefixes"
)

func TestDenyWinsOverAllow(t *testing.T) {
	set := func(of ...string) *prefixes.Set {
		var list []netip.Prefix
		for _, text := range of {
			list = append(list, netip.MustParsePrefix(text))
		}
		return prefixes.New(list)
	}
	client := netip.MustParseAddr("192.0.2.7")
	for _, test := range []struct {
		name string
		a    Access
		want access.ListVerdict
	}{
		{"an address is not listed where there is no list", Access{}, access.Unlisted},
		{"an address in deny is denied", Access{Deny: set("192.0.2.0/24")}, access.Denied},
		{"deny wins over a smaller network in allow", Access{Allow: set("192.0.2.7/32"), Deny: set("192.0.0.0/16")}, access.Denied},
		{"deny wins over a larger network in allow", Access{Allow: set("0.0.0.0/0"), Deny: set("192.0.2.7/32")}, access.Denied},
		{"an address in allow is allowed", Access{Allow: set("192.0.2.0/24"), Deny: set("192.0.2.8/32")}, access.Allowed},
		{"an address that is not in allow is not allowed", Access{Allow: set("192.0.2.8/32")}, access.NotAllowed},
		{"an empty allow allows no address", Access{Allow: set()}, access.NotAllowed},
		{"an address that is not in deny is not listed", Access{Deny: set("192.0.2.8/32")}, access.Unlisted},
	} {
		if got := test.a.ByList(client); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}
