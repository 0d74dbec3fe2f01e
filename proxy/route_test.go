package proxy

import (
	"slices"
	"testing"

	"reverse-proxy/proxy/config"
)

func TestARouteIsFoundByListenerAndHost(t *testing.T) {
	table := routeTable{
		{"a.test": {site: config.Site{Host: "a.test"}}, "b.test": {site: config.Site{Host: "b.test"}}},
		{"c.test": {site: config.Site{Host: "c.test"}}},
		{}, // a listener whose sites were taken out of the file
	}
	for _, test := range []struct {
		name     string
		listener int
		host     string
		found    bool
	}{
		{"a host of the listener", 0, "b.test", true},
		{"a host of another listener", 0, "c.test", false},
		{"the same host on the listener that has it", 1, "c.test", true},
		{"a host below one that is served", 0, "x.a.test", false},
		{"a host in another case, which the caller has lowered", 0, "A.test", false},
		{"no host", 0, "", false},
		{"a listener without sites", 2, "a.test", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := table.find(test.listener, test.host)
			if (found != nil) != test.found || found != nil && found.id() != (routeID{test.host}) {
				t.Errorf("got %v, want found=%v", found, test.found)
			}
		})
	}
}

func TestAllRoutesAreListedWithTheirListener(t *testing.T) {
	table := routeTable{{"a.test": {}, "b.test": {}}, {}, {"c.test": {}}}
	var listeners []int
	for listener := range table.all() {
		listeners = append(listeners, listener)
	}
	slices.Sort(listeners)
	if !slices.Equal(listeners, []int{0, 0, 2}) {
		t.Errorf("got the listeners %v, want 0, 0, 2", listeners)
	}
	for range table.all() {
		break // a loop may end early
	}
	hosts := table.hosts(0)
	slices.Sort(hosts)
	if !slices.Equal(hosts, []string{"a.test", "b.test"}) {
		t.Errorf("got the hosts %v of the first listener", hosts)
	}
}
