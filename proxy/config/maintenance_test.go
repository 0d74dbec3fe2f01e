package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// A long list at the top of the file must not be parsed and stored again for each of thousands of routes.
func TestPlacesShareTheNetworksThatTheyInherit(t *testing.T) {
	cfg, err := parseText(t.TempDir(), `maintenance_allow = ["10.0.0.0/8", "192.0.2.7"]
`+configtest.Minimal+`[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:1"
[[listeners.sites.routes]]
path = "/b"
upstream = "127.0.0.1:1"
maintenance_allow = ["2001:db8::/32"]
[[listeners.sites.routes]]
path = "/c"
upstream = "127.0.0.1:1"
maintenance_allow = []
`)
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Listeners[0].Sites[0]
	inherited := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}
	for name, c := range map[string]struct {
		got, want []netip.Prefix
		shared    bool
	}{
		"the file has its own networks":                        {cfg.Maintenance.Allow, inherited, true},
		"the site has the file's networks":                     {site.Maintenance.Allow, inherited, true},
		"a route without the key has the file's networks":      {site.Routes[0].Maintenance.Allow, inherited, true},
		"a route with networks of its own does not share them": {site.Routes[1].Maintenance.Allow, []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}, false},
		"a route with an empty list has no networks":           {site.Routes[2].Maintenance.Allow, nil, false},
	} {
		if diff := cmp.Diff(c.want, c.got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s: the networks differ (-want +got):\n%s", name, diff)
			continue
		}
		if shared := len(c.got) > 0 && &c.got[0] == &cfg.Maintenance.Allow[0]; shared != c.shared {
			t.Errorf("%s: got the file's list %v, want %v", name, shared, c.shared)
		}
	}
}
