package proxy

import (
	"slices"
	"testing"

	"reverse-proxy/proxy/config"
)

// tableOf returns a table of listeners that serve the sites of these hosts.
func tableOf(listeners ...[]string) routeTable {
	var table routeTable
	for i, hosts := range listeners {
		routes := newListenerRoutes("")
		for _, host := range hosts {
			routes.add(&route{listener: i, site: config.Site{Host: host}})
		}
		table = append(table, routes)
	}
	return table
}

func TestARouteIsFoundByListenerAndHost(t *testing.T) {
	table := tableOf([]string{"a.test", "b.test", "both.test"}, []string{"c.test", "both.test"},
		nil) // a listener whose sites were taken out of the file
	for _, test := range []struct {
		name     string
		listener int
		host     string
		found    bool
	}{
		{"a host of the listener", 0, "b.test", true},
		{"a host of another listener", 0, "c.test", false},
		{"the same host on the listener that has it", 1, "c.test", true},
		{"a host of two listeners, on the first", 0, "both.test", true},
		{"a host of two listeners, on the second", 1, "both.test", true},
		{"a host below one that is served", 0, "x.a.test", false},
		{"a host in another case, which the caller has lowered", 0, "A.test", false},
		{"no host", 0, "", false},
		{"a listener without sites", 2, "a.test", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := table.find(test.listener, test.host)
			if (found != nil) != test.found || found != nil && found.id() != (routeID{test.listener, test.host}) {
				t.Errorf("got %v, want found=%v", found, test.found)
			}
		})
	}
}

func TestAllRoutesAreListedWithTheirListener(t *testing.T) {
	table := tableOf([]string{"b.test", "a.test"}, nil, []string{"c.test"})
	var listeners []int
	for r := range table.all() {
		listeners = append(listeners, r.listener)
	}
	if !slices.Equal(listeners, []int{0, 0, 2}) {
		t.Errorf("got the listeners %v, want 0, 0, 2", listeners)
	}
	for range table.all() {
		break // a loop may end early
	}
	if hosts := table.hosts(0); !slices.Equal(hosts, []string{"a.test", "b.test"}) {
		t.Errorf("got the hosts %v of the first listener", hosts)
	}
}
