package config

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// These are the settings of a file that sets none.
var (
	defaultHealth = Health{Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3, ExpectStatus: 200}
	defaultRetry  = Retry{Attempts: 2, BudgetPercent: 20}
)

// withUpstreams is the minimal configuration with lines in place of the upstream of its site.
func withUpstreams(t *testing.T, lines string) string {
	return configtest.Edited(t, configtest.Minimal, "upstream = \"127.0.0.1:3000\"\n", lines)
}

func TestUpstreamsAreStringsOrTables(t *testing.T) {
	want := Upstreams{{"10.0.0.1:3000", 1, false}, {"app.test:3000", 2, false}, {"[::1]:3000", 1, true}}
	for _, lines := range []string{
		`upstreams = ["10.0.0.1:3000", { address = "app.test:3000", weight = 2 }, { address = "[::1]:3000", backup = true }]` + "\n",
		"[[listeners.sites.upstreams]]\naddress = \"10.0.0.1:3000\"\n[[listeners.sites.upstreams]]\naddress = \"app.test:3000\"\nweight = 2\n" +
			"[[listeners.sites.upstreams]]\naddress = \"[::1]:3000\"\nbackup = true\n",
	} {
		cfg, err := parseText(t.TempDir(), withUpstreams(t, lines))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, cfg.Listeners[0].Sites[0].Upstreams); diff != "" {
			t.Errorf("%s: the upstreams differ (-want +got):\n%s", lines, diff)
		}
	}
	if got := want.String(); got != "10.0.0.1:3000, app.test:3000 weight 2, [::1]:3000 backup" {
		t.Errorf("got the text %q", got)
	}
}

func TestWrongUpstreamsAreRefused(t *testing.T) {
	lineNumbers := regexp.MustCompile(` \(line [^)]*\)`)
	const site = "listeners[0].sites[0]."
	many := strings.Repeat(`"10.0.0.1:1", `, 65)
	for _, test := range []struct{ lines, want string }{
		{`upstreams = ["a:1", "b:1"]` + "\n" + `upstream = "c:1"`, site + "upstreams: is there next to upstream"},
		{`upstreams = []`, site + "upstreams: is empty"},
		{`upstreams = "a:1"`, site + `upstreams: is the string "a:1"; an array is needed, as in ["127.0.0.1:3000", "127.0.0.1:3001"]`},
		{`upstreams = [5]`, site + "upstreams[0]: is the number 5; a table is needed"},
		{`upstreams = ["a:1", "A.:1"]`, site + `upstreams[1]: "A.:1" is ` + site + "upstreams[0]"},
		{`upstreams = ["[::1]:1", "[0:0::1]:1"]`, site + `upstreams[1]: "[0:0::1]:1" is ` + site + "upstreams[0]"},
		{`upstreams = ["127.0.0.1:80", "127.0.0.1:080"]`, site + `upstreams[1]: "127.0.0.1:080" is ` + site + "upstreams[0]"},
		{`upstreams = ["a:1", { address = "b:1", weight = 0 }]`, site + "upstreams[1].weight: 0 is out of range"},
		{`upstreams = ["a:1", { address = "b:1", weight = -1 }]`, site + "upstreams[1].weight: -1 is out of range"},
		{`upstreams = ["a:1", { address = "b:1", wight = 2 }]`, site + `upstreams[1].wight: unknown key; did you mean "weight"?`},
		{`upstreams = ["a:1", { weight = 2 }]`, site + "upstreams[1].address: missing"},
		{`upstreams = ["a:1", "b"]`, site + `upstreams[1]: "b" has no port`},
		{`upstreams = [{ address = "a:1", backup = true }, { address = "b:1", backup = true }]`, site + "upstreams: has only backups"},
		{`upstreams = [` + many + `]`, site + "upstreams: has 65 upstreams"},
		{`upstreams = ["a:1"]` + "\n[listeners.sites.health]\npath = \"up\"", site + `health.path: "up" is not the path of a request`},
		{`upstreams = ["a:1"]` + "\n[listeners.sites.health]\npath = \"/a b\"", site + `health.path: "/a b" is not the path of a request`},
		{"[[listeners.sites.routes]]\npath = \"/a\"\nredirect = \"/b\"\n[listeners.sites.routes.retry]\nattempts = 1", site + "routes[0].retry: has no effect without upstream"},
		{"[[listeners.sites.routes]]\npath = \"/a\"\nupstreams = [\"a:1\"]\nredirect = \"/b\"", site + "routes[0].redirect: is there next to upstream"},
	} {
		_, err := parseText(t.TempDir(), withUpstreams(t, test.lines+"\n"))
		if got := lineNumbers.ReplaceAllString(fmt.Sprint(err), ""); !strings.Contains(got, test.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", test.lines, got, test.want)
		}
	}
}

// TestHealthAndRetryInheritKeyByKey holds S-2.33 for the tables of several upstreams.
func TestHealthAndRetryInheritKeyByKey(t *testing.T) {
	cfg, err := parseText(t.TempDir(), withUpstreams(t, `upstreams = ["a:1", "b:1"]
balance = "client"
[listeners.sites.health]
path = "/up"
rise = 5
[listeners.sites.retry]
attempts = 4
[[listeners.sites.routes]]
path = "/api"
upstreams = ["c:1", "d:1"]
balance = "cookie"
[listeners.sites.routes.health]
path = "/api/up?full"
fall = 7
[listeners.sites.routes.retry]
budget_percent = 50
[[listeners.sites.routes]]
path = "/same"
[listeners.sites.routes.health]
path = ""
`))
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Listeners[0].Sites[0]
	own, inherited := site.Routes[0], site.Routes[1]
	health := defaultHealth
	health.Path, health.Rise, health.Fall = "/api/up?full", 5, 7
	if own.Balance != BalanceCookie || own.Health != health || own.Retry != (Retry{4, 50}) {
		t.Errorf("got the route's %s, %+v and %+v", own.Balance, own.Health, own.Retry)
	}
	if inherited.Balance != BalanceClient || inherited.Health.Path != "" || inherited.Health.Rise != 5 || inherited.Upstreams.String() != "a:1, b:1" {
		t.Errorf("got the other route's %s, %+v and the upstreams %s", inherited.Balance, inherited.Health, inherited.Upstreams)
	}
	if own.String() == inherited.String() || !strings.Contains(own.String(), "c:1, d:1 balance cookie") {
		t.Errorf("got the text %s", own)
	}
}
