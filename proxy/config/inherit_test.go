package config

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// inheritTable is a raw table of settings with every kind of field that inheritance supports.
type inheritTable struct {
	Number *int64            `toml:"number"`
	Names  []string          `toml:"names"`
	Set    map[string]string `toml:"set"`
}

// inheritSettings are raw settings with tables by value and by pointer.
type inheritSettings struct {
	Text   *string       `toml:"text"`
	Table  inheritTable  `toml:"table"`
	Bucket *inheritTable `toml:"bucket"`
}

// inheritedBy lets own inherit, and returns the result and the paths of what own sets itself.
func inheritedBy(own, parent inheritSettings) (inheritSettings, []string) {
	var set []string
	fillFromParent(reflect.ValueOf(&own).Elem(), reflect.ValueOf(parent), "", func(path string) { set = append(set, path) })
	slices.Sort(set)
	return own, set
}

func TestWhatIsNotSetComesFromTheParentKeyByKey(t *testing.T) {
	parent := inheritSettings{
		Text:   new("parent"),
		Table:  inheritTable{Number: new(int64(1)), Names: []string{"a", "b"}, Set: map[string]string{"X.A": "1", "B": "2"}},
		Bucket: &inheritTable{Number: new(int64(2)), Names: []string{"c"}},
	}
	for _, c := range []struct {
		name string
		own  inheritSettings
		want inheritSettings
		set  []string
	}{
		{"what sets nothing has all from the parent", inheritSettings{}, parent, nil},
		{"a key that is set counts", inheritSettings{Text: new("own")}, inheritSettings{new("own"), parent.Table, parent.Bucket}, []string{"text"}},
		{"an empty string is a value", inheritSettings{Text: new("")}, inheritSettings{new(""), parent.Table, parent.Bucket}, []string{"text"}},
		{"a table inherits key by key", inheritSettings{Table: inheritTable{Number: new(int64(9))}},
			inheritSettings{parent.Text, inheritTable{new(int64(9)), parent.Table.Names, parent.Table.Set}, parent.Bucket}, []string{"table", "table.number"}},
		{"an array is one value", inheritSettings{Table: inheritTable{Names: []string{}}},
			inheritSettings{parent.Text, inheritTable{parent.Table.Number, []string{}, parent.Table.Set}, parent.Bucket}, []string{"table", "table.names"}},
		{"a map inherits entry by entry", inheritSettings{Table: inheritTable{Set: map[string]string{"B": "3", "C": "4"}}},
			inheritSettings{parent.Text, inheritTable{parent.Table.Number, parent.Table.Names, map[string]string{"X.A": "1", "B": "3", "C": "4"}}, parent.Bucket},
			[]string{"table", "table.set", "table.set.B", "table.set.C"}},
		{"a table that may be missing inherits key by key", inheritSettings{Bucket: &inheritTable{Number: new(int64(9))}},
			inheritSettings{parent.Text, parent.Table, &inheritTable{Number: new(int64(9)), Names: []string{"c"}}}, []string{"bucket", "bucket.number"}},
		{"an empty table is set", inheritSettings{Bucket: &inheritTable{}}, parent, []string{"bucket"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := maps.Clone(parent.Table.Set)
			got, set := inheritedBy(c.own, parent)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the settings differ (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.set, set); diff != "" {
				t.Errorf("what is set differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, parent.Table.Set); diff != "" || *parent.Bucket.Number != 2 {
				t.Errorf("the parent has changed: the number %d, the map (-before +after):\n%s", *parent.Bucket.Number, diff)
			}
		})
	}
	without, _ := inheritedBy(inheritSettings{Bucket: &inheritTable{Number: new(int64(9))}}, inheritSettings{})
	if diff := cmp.Diff(inheritSettings{Bucket: &inheritTable{Number: new(int64(9))}}, without); diff != "" {
		t.Errorf("under a parent without the table (-want +got):\n%s", diff)
	}
}

func TestASettingIsKnownWithTheLevelAndTheKeyOfItsPlace(t *testing.T) {
	site := inherited{}.inherit(LevelFile, "", rawSettings{UpstreamScheme: new("https")}).
		inherit(LevelSite, "listeners[0].sites[0]", rawSettings{UpstreamMaxConnections: new(int64(5)), UpstreamConnectTimeoutSecs: new(int64(1))})
	route := site.inherit(LevelRoute, "listeners[0].sites[0].routes[2]", rawSettings{UpstreamConnectTimeoutSecs: new(int64(2))})
	for _, c := range []struct {
		of    inherited
		path  string
		level Level
		key   string
	}{
		{route, "upstream_scheme", LevelFile, "upstream_scheme"},
		{route, "upstream_max_connections", LevelSite, "listeners[0].sites[0].upstream_max_connections"},
		{route, "upstream_connect_timeout_secs", LevelRoute, "listeners[0].sites[0].routes[2].upstream_connect_timeout_secs"},
		{route, "upstream_request_timeout_secs", LevelDefault, "listeners[0].sites[0].routes[2].upstream_request_timeout_secs"},
		{site, "upstream_connect_timeout_secs", LevelSite, "listeners[0].sites[0].upstream_connect_timeout_secs"},
	} {
		if level, key := c.of.level(c.path), c.of.key(c.path); level != c.level || key != c.key {
			t.Errorf("%s: got the level %d and the key %s, want %d and %s", c.path, level, key, c.level, c.key)
		}
	}
}

func TestARouteHasTheSettingsOfItsSiteUnlessItSetsThem(t *testing.T) {
	cfg, err := parseText(t.TempDir(), configtest.Minimal+`upstream_scheme = "https"
upstream_connect_timeout_secs = 3
[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:1"
[[listeners.sites.routes]]
path_exact = "/b"
upstream = "127.0.0.1:2"
upstream_scheme = "http"
upstream_request_timeout_secs = 4
[[listeners.sites.routes]]
path = "/c"
upstream_request_timeout_secs = 5
`)
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Listeners[0].Sites[0]
	a, b, c := site.Settings, site.Settings, site.Settings
	b.UpstreamScheme, b.RequestTimeout = "http", 4e9
	c.RequestTimeout = 5e9
	want := []Route{
		{Path: "/a", Upstreams: OneUpstream("127.0.0.1:1"), Settings: a},
		{Path: "/b", Exact: true, Upstreams: OneUpstream("127.0.0.1:2"), Settings: b},
		{Path: "/c", Upstreams: OneUpstream("127.0.0.1:3000"), Settings: c},
	}
	if diff := cmp.Diff(want, site.Routes); diff != "" {
		t.Errorf("the routes differ (-want +got):\n%s", diff)
	}
}

func TestAFaultOfASiteIsReportedOnceAndNotAgainForEachRoute(t *testing.T) {
	_, err := parseText(t.TempDir(), configtest.Minimal+`upstream_scheme = "ftp"
[[listeners.sites.routes]]
path = "/a"
upstream = "127.0.0.1:1"
[[listeners.sites.routes]]
path = "/b"
upstream = "127.0.0.1:1"
`)
	want := []string{`listeners[0].sites[0].upstream_scheme: "ftp" is not an upstream scheme; write "http" or "https"`}
	if diff := cmp.Diff(want, configErrorLines(t, "\x00", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}
