package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/limit"
)

// fileLimits returns the limits of a site that sets none, in a file with that body limit.
func fileLimits(bodyLimit int64) Limits {
	return Limits{Wait: defaultWait * time.Second, BodyLimit: bodyLimit}
}

func TestTheLimitsOfARouteAreInheritedKeyByKey(t *testing.T) {
	cfg, err := parseText(t.TempDir(), configtest.Edited(t, configtest.Minimal, "burst = 200", "burst = 7")+`rate_limit = { requests_per_second = 9 }
total_requests_per_second = 20
concurrent = 8
body_limit_bytes = 5
[[listeners.sites.routes]]
path = "/nothing"
upstream = "127.0.0.1:1"
[[listeners.sites.routes]]
path = "/burst"
rate_limit = { burst = 3 }
concurrent_wait_secs = 0
[[listeners.sites.routes]]
path = "/all"
rate_limit.requests_per_second = 0.5
rate_limit.burst = 1
total_requests_per_second = 0
concurrent = 2
body_limit_bytes = 0
body_idle_timeout_secs = 3600
[[listeners.sites]]
host = "b.example"
upstream = "127.0.0.1:1"
rate_limit = {}
[[listeners.sites.routes]]
path = "/burst"
rate_limit = { burst = 4 }
`)
	if err != nil {
		t.Fatal(err)
	}
	site := Limits{
		Rate: limit.Rate{RequestsPerSecond: 9, Burst: 7}, RateFrom: LevelSite, Total: 20, TotalFrom: LevelSite,
		Concurrent: 8, ConcurrentFrom: LevelSite, Wait: 5 * time.Second, BodyLimit: 5, BodyLimitFrom: LevelSite,
	}
	burst := site
	burst.Rate.Burst, burst.RateFrom, burst.Wait, burst.WaitFrom = 3, LevelRoute, 0, LevelRoute
	all := Limits{
		Rate: limit.Rate{RequestsPerSecond: 0.5, Burst: 1}, RateFrom: LevelRoute, TotalFrom: LevelRoute, Concurrent: 2, ConcurrentFrom: LevelRoute,
		Wait: 5 * time.Second, BodyLimitFrom: LevelRoute, BodyIdle: time.Hour, BodyIdleFrom: LevelRoute,
	}
	other := fileLimits(100 << 20)
	otherBurst := other
	otherBurst.Rate, otherBurst.RateFrom = limit.Rate{RequestsPerSecond: 100, Burst: 4}, LevelRoute
	sites := cfg.Listeners[0].Sites
	got := []Limits{sites[0].Limits, sites[0].Routes[0].Limits, sites[0].Routes[1].Limits, sites[0].Routes[2].Limits, sites[1].Limits, sites[1].Routes[0].Limits}
	if diff := cmp.Diff([]Limits{site, site, burst, all, other, otherBurst}, got); diff != "" {
		t.Errorf("the limits differ (-want +got):\n%s", diff)
	}
}

func TestTheFilesOwnFaultIsNotReportedForEachSite(t *testing.T) {
	_, err := parseText(t.TempDir(), configtest.Edited(t, configtest.Minimal, "burst = 200", "burst = -1", "104857600", "-1")+"rate_limit = { requests_per_second = 5 }\n")
	want := []string{
		"rate_limit.burst: -1 is out of range; write a number above 0, up to 1000000000",
		"body.limit_bytes: -1 is out of range; write a number of bytes up to 9223372036854775807, or 0 for no limit",
	}
	if diff := cmp.Diff(want, configErrorLines(t, "\x00", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}

func TestRoutesWithDifferentLimitsHaveDifferentTexts(t *testing.T) {
	base := Route{Path: "/a", Redirect: "/b", RedirectStatus: 308, Settings: Settings{Limits: fileLimits(1)}}
	seen := map[string]bool{base.String(): true}
	for _, edit := range []func(*Limits){
		func(l *Limits) { l.Rate.RequestsPerSecond, l.RateFrom = 1, LevelRoute },
		func(l *Limits) { l.Rate.Burst, l.RateFrom = 1, LevelRoute },
		func(l *Limits) { l.Total, l.TotalFrom = 1, LevelRoute },
		func(l *Limits) { l.TotalFrom = LevelRoute },
		func(l *Limits) { l.Concurrent, l.ConcurrentFrom = 1, LevelRoute },
		func(l *Limits) { l.Wait, l.WaitFrom = 1e9, LevelRoute },
		func(l *Limits) { l.BodyLimit, l.BodyLimitFrom = 1, LevelRoute },
		func(l *Limits) { l.BodyIdle, l.BodyIdleFrom = 1e9, LevelRoute },
	} {
		route := base
		edit(&route.Limits)
		if text := route.String(); seen[text] {
			t.Errorf("got the text %q twice", text)
		} else {
			seen[text] = true
		}
	}
	inherited := base
	inherited.Total, inherited.TotalFrom = 5, LevelSite
	if got := inherited.String(); got != base.String() {
		t.Errorf("a limit of the site: got %q, want it in the site's text only", got)
	}
}
