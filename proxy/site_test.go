package proxy

import (
	"slices"
	"testing"

	"reverse-proxy/proxy/config"
)

// tableOf returns a table of listeners that serve the sites of these hosts.
func tableOf(listeners ...[]string) siteTable {
	var table siteTable
	for i, hosts := range listeners {
		sites := newListenerSites("")
		for _, host := range hosts {
			sites.add(newSite(i, "", config.Site{Host: host}))
		}
		table = append(table, sites)
	}
	return table
}

func TestASiteIsFoundByListenerAndHost(t *testing.T) {
	table := tableOf([]string{"a.test", "b.test", "both.test"}, []string{"c.test", "both.test"},
		nil) // a listener whose sites were taken out of the file
	for _, test := range []struct {
		name     string
		listener int
		host     string
		found    bool
	}{
		{"a host of the listener is found", 0, "b.test", true},
		{"a host of another listener is not found", 0, "c.test", false},
		{"the same host is found on the listener that has it", 1, "c.test", true},
		{"a host of two listeners is found on the first", 0, "both.test", true},
		{"a host of two listeners is found on the second", 1, "both.test", true},
		{"a host below one that is served is not found", 0, "x.a.test", false},
		{"a host in another case, which the caller has lowered, is not found", 0, "A.test", false},
		{"an empty host is not found", 0, "", false},
		{"a listener without sites finds none", 2, "a.test", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := table.find(test.listener, test.host)
			if (found != nil) != test.found || found != nil && found.id() != (siteID{test.listener, test.host}) {
				t.Errorf("got %v, want found=%v", found, test.found)
			}
		})
	}
}

func TestAHostIsMatchedExactlyAndThenByOneWildcardLabel(t *testing.T) {
	sites := newListenerSites("")
	for _, site := range []config.Site{
		{Host: "*.apps.test"}, {Host: "own.apps.test"}, {Host: "www.test", Aliases: []string{"test", "*.www.test", "alias.apps.test"}},
	} {
		sites.add(newSite(0, "", site))
	}
	table := siteTable{sites}
	for host, want := range map[string]string{
		"a.apps.test": "*.apps.test", "own.apps.test": "own.apps.test", "alias.apps.test": "www.test", "test": "www.test", "x.www.test": "www.test",
		"apps.test": "", "a.b.apps.test": "", "a.own.apps.test": "", ".apps.test": "*.apps.test", "*.apps.test": "*.apps.test", "": "", "a": "", "a.test": "",
	} {
		got := ""
		if r := table.find(0, host); r != nil {
			got = r.config.Host
		}
		if got != want {
			t.Errorf("%q: got the site %q, want %q", host, got, want)
		}
	}
	want := []string{"*.apps.test", "*.www.test", "alias.apps.test", "own.apps.test", "test", "www.test"}
	if got := table.hosts(0); !slices.Equal(got, want) {
		t.Errorf("got the hosts %v, want %v", got, want)
	}
}

func TestFindingASiteCostsNoAllocation(t *testing.T) {
	table := tableOf([]string{"*.apps.test", "www.test"})
	for _, host := range []string{"www.test", "a.apps.test", "a.b.apps.test", "unknown.test"} {
		if got := testing.AllocsPerRun(100, func() { table.find(0, host) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", host, got)
		}
	}
}

func TestAllSitesAreListedWithTheirListener(t *testing.T) {
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
