package proxy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
)

func TestTheHistoryOfReloadsIsBounded(t *testing.T) {
	var h reloadHistory
	if got := h.latest(); len(got) != 0 {
		t.Errorf("got %v before the first reload, want nothing", got)
	}
	many := make([]string, 1000)
	for i := range maxReloadHistory + 3 {
		h.add(admin.ReloadStatus{Message: fmt.Sprint(i), Errors: many})
	}
	got := h.latest()
	if len(got) != maxReloadHistory || got[0].Message != "12" || got[maxReloadHistory-1].Message != "3" {
		t.Errorf("got %d reloads from %q to %q, want the last %d, the latest first", len(got), got[0].Message,
			got[len(got)-1].Message, maxReloadHistory)
	}
	if errs := got[0].Errors; len(errs) != admin.MaxHistoryErrors+1 || errs[admin.MaxHistoryErrors] != "and 990 more" {
		t.Errorf("got %d errors ending in %q, want %d and how many more there were", len(errs), errs[len(errs)-1], admin.MaxHistoryErrors)
	}
	if len(many) != 1000 || many[admin.MaxHistoryErrors] != "" {
		t.Error("remembering a reload has changed its result")
	}
}

func TestDaysLeftAreWholeDays(t *testing.T) {
	for _, c := range []struct {
		left time.Duration
		want int
	}{
		{0, 0}, {23 * time.Hour, 0}, {24 * time.Hour, 1}, {60*24*time.Hour - time.Second, 59}, {-time.Second, -1}, {-24 * time.Hour, -1},
		{-25 * time.Hour, -2},
	} {
		if got := cert.DaysLeft(configtest.Now.Add(c.left), configtest.Now); got != c.want {
			t.Errorf("%v before the end: got %d days, want %d", c.left, got, c.want)
		}
	}
}

func TestTheTrafficOfEverySiteIsListed(t *testing.T) {
	cfg, err := configOf(t.TempDir(), configtest.Minimal+configtest.SecondListener, false)
	if err != nil {
		t.Fatal(err)
	}
	state := stateOf(t, cfg, cfg.Listeners)
	want := []admin.SiteTraffic{
		{SiteSummary: admin.SiteSummary{Host: "a.example", Listener: "127.0.0.1:8443", Upstream: "http://127.0.0.1:3000"}, Counts: &admin.TrafficCounts{Requests: 9}},
		{SiteSummary: admin.SiteSummary{Host: "b.example", Listener: "127.0.0.2:8443", Upstream: "http://127.0.0.1:3001"}, Counts: &admin.TrafficCounts{Requests: 19}},
	}
	count := func(id siteID, _ string) admin.TrafficCounts {
		return admin.TrafficCounts{Requests: uint64(len(id.host) + 10*id.listener)}
	}
	if diff := cmp.Diff(want, siteTraffic(state.dynamic, count)); diff != "" {
		t.Errorf("the traffic differs (-want +got):\n%s", diff)
	}
}

func TestTheTrafficOfARouteNamesItsOneUpstream(t *testing.T) {
	routes := ""
	for _, route := range []string{
		"path = \"/a\"\nupstream = \"127.0.0.1:1\"\nupstream_scheme = \"https\"",
		"path = \"/b\"\nmethods = [\"GET\"]\nupstream = \"127.0.0.1:1\"", "path = \"/b\"\nupstream = \"127.0.0.1:2\"",
		"path = \"/c\"\nmethods = [\"GET\"]\nupstream = \"127.0.0.1:1\"", "path = \"/c\"\nupstream = \"127.0.0.1:1\"",
		"path = \"/d\"\nrespond = 200",
		"path = \"/e\"\nmethods = [\"GET\"]\nrespond = 200", "path = \"/e\"\nupstream = \"127.0.0.1:1\"",
	} {
		routes += "[[listeners.sites.routes]]\n" + route + "\n"
	}
	cfg, err := configOf(t.TempDir(), configtest.Minimal+routes, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, route := range siteTraffic(stateOf(t, cfg, cfg.Listeners).dynamic, func(siteID, string) (none admin.TrafficCounts) { return none })[0].RouteTraffic {
		got[route.Route] = route.Upstream
	}
	want := map[string]string{"/a": "https://127.0.0.1:1", "/b": "", "/c": "http://127.0.0.1:1", "/d": "", "/e": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the upstreams differ (-want +got):\n%s", diff)
	}
}

func TestTheStatusOfTheDaemonShowsReloadsAndSites(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	first := d.Status()
	if len(first.SiteTraffic) != 1 || first.SiteTraffic[0].Host != "a.test" || first.Reloads == nil || len(first.Reloads) != 0 {
		t.Errorf("got the sites %v and the reloads %v, want a.test and none", first.SiteTraffic, first.Reloads)
	}
	if first.Certificates[0].DaysLeft == nil || *first.Certificates[0].DaysLeft != 29 {
		t.Errorf("got the days %v, want 29 of the 30 of a self-signed certificate", first.Certificates[0].DaysLeft)
	}
	if first.MaxConnections != 200 || first.Memory.HeapBytes == 0 || first.Time.Location() != time.UTC {
		t.Errorf("got %d connections, the memory %v and the time %v", first.MaxConnections, first.Memory, first.Time)
	}
	d.writeConfig(t, "127.0.0.1:2", "connection_idle_timeout_secs = 7\n")
	d.Reload()
	d.writeConfig(t, "nowhere", "")
	d.Reload()
	status := d.Status()
	results := []string{status.Reloads[0].Status, status.Reloads[1].Status}
	if !slices.Equal(results, []string{"error", "ok"}) || status.Reloads[1].Changes != 2 || len(status.Reloads[0].Errors) != 1 {
		t.Errorf("got the reloads %+v, want the refused one first, and then the one with two changes", status.Reloads)
	}
	if want := []config.Drift{{Key: "connection_idle_timeout_secs", Running: "60", File: "7"}}; !cmp.Equal(want, status.Config.RestartRequired) {
		t.Errorf("got %v for a restart, want %v, which the refused reload leaves", status.Config.RestartRequired, want)
	}
}
