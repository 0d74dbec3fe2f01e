package proxy

import (
	"fmt"
	"testing"

	"reverse-proxy/proxy/config"
)

func TestTheSpellingsOfAnUpstreamAreOnePlace(t *testing.T) {
	for _, places := range [][]string{
		{"127.0.0.1:3000", "localhost:3000", "LOCALHOST.:3000", "[::1]:3000", "[::ffff:127.0.0.1]:3000", "127.0.0.2:03000", "app.localhost:3000", "0.0.0.0:3000"},
		{"127.0.0.1:3001"},
		{"app.internal:3000", "App.Internal.:3000"},
		{"[2001:db8::1]:3000", "[2001:DB8:0:0::1]:3000"},
		{"10.0.0.1:3000", "[::ffff:10.0.0.1]:3000"},
		{"unix:/run/app.sock", "unix:/run/../run//app.sock"},
		{"unix:/run/other.sock"},
	} {
		for _, address := range places {
			if got := samePlace(address); got != samePlace(places[0]) {
				t.Errorf("%q is at %q, want the place of %q", address, got, places[0])
			}
		}
		for _, other := range []string{"10.0.0.9:3000", "127.0.0.1:3002", "unix:/run/x"} {
			if samePlace(places[0]) == samePlace(other) {
				t.Errorf("%q and %q are one place", places[0], other)
			}
		}
	}
}

func TestAnotherSpellingOfAnUpstreamIsNoWayAroundTheFieldsThatAServiceVouchesFor(t *testing.T) {
	sites := newListenerSites("")
	settings := config.Settings{UpstreamScheme: "http", Access: &config.Access{Headers: []string{"Remote-User"}}}
	sites.add(newSite(0, "", config.Site{Host: "a.test", Upstreams: config.OneUpstream("127.0.0.1:3000"), Settings: settings}))
	spellings := []string{"localhost:3000", "LocalHost.:3000", "127.0.0.2:3000", "[::1]:3000", "[::ffff:127.0.0.1]:3000", "ip6-localhost:3000", "app.localhost:3000", "127.0.0.1:03000"}
	for i, spelling := range spellings {
		sites.add(newSite(0, "", config.Site{Host: fmt.Sprintf("b%d.test", i), Upstreams: config.OneUpstream(spelling)}))
	}
	sites.add(newSite(0, "", config.Site{Host: "c.test", Upstreams: config.OneUpstream("localhost:3001")}))
	d := &DynamicConfig{sites: siteTable{sites}}
	d.vouch()
	vouched := func(host string) bool {
		names := d.sites.find(0, host).own.vouched
		return names != nil && names.Has("Remote-User")
	}
	if !vouched("a.test") || vouched("c.test") {
		t.Errorf("clients of a.test and c.test cannot send the field: got %v, %v; want true, false", vouched("a.test"), vouched("c.test"))
	}
	for i, spelling := range spellings {
		if !vouched(fmt.Sprintf("b%d.test", i)) {
			t.Errorf("%s: clients can send the field to the upstream of a.test", spelling)
		}
	}
}
