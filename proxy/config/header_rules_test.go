package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/headers"
)

// leveled lists rules, each with the level at which it was set.
func leveled(rules *headers.Rules) []string {
	var lines []string
	for rule := range rules.All() {
		lines = append(lines, rule.Level+": "+rule.String())
	}
	return lines
}

// headerTable writes a table of rules.
func headerTable(header string, lines ...string) string {
	return "[" + header + "]\n" + strings.Join(lines, "\n") + "\n"
}

func TestHeaderRulesAreMergedFieldByField(t *testing.T) {
	for _, tt := range []struct {
		name              string
		file, site, route []string
		want              []string
	}{
		{"a route keeps the rules of its site and of the file", []string{`set = { A = "1" }`}, []string{`set = { B = "2" }`}, []string{`set = { C = "3" }`},
			[]string{"file: set A: 1", "site: set B: 2", "route: set C: 3"}},
		{"the most specific value counts", []string{`set = { A = "1" }`}, []string{`set = { A = "2" }`}, []string{`set = { A = "3" }`},
			[]string{"route: set A: 3"}},
		{"a table without rules changes nothing", []string{`set = { A = "1" }`}, []string{}, []string{`set = {}`, `remove = []`}, []string{"file: set A: 1"}},
		{"names are compared without their case", []string{`set = { X-A = "1" }`}, []string{`set = { x-a = "2" }`}, nil, []string{"site: set x-a: 2"}},
		{"what is set may be removed", []string{`set = { X-A = "1" }`}, nil, []string{`remove = ["x-a"]`}, []string{"route: remove x-a"}},
		{"what is removed may be set", []string{`remove = ["X-A", "X-B"]`}, []string{`set = { x-a = "1" }`}, nil, []string{"site: set x-a: 1", "file: remove X-B"}},
		{"a default takes the place of a value", []string{`set = { A = "1" }`}, []string{`default = { a = "2" }`}, nil, []string{"site: default a: 2"}},
		{"a value takes the place of a default", []string{`default = { A = "1" }`}, nil, []string{`set = { a = "2" }`}, []string{"route: set a: 2"}},
		{"lists of removed fields add up", []string{`remove = ["A"]`}, []string{`remove = ["B"]`}, []string{`remove = ["C"]`},
			[]string{"file: remove A", "site: remove B", "route: remove C"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, table := range []string{"request_headers", "response_headers"} {
				text := configtest.Minimal
				if tt.file != nil {
					text = headerTable(table, tt.file...) + text
				}
				if tt.site != nil {
					text += headerTable("listeners.sites."+table, tt.site...)
				}
				text += "[[listeners.sites.routes]]\npath = \"/api\"\nupstream = \"127.0.0.1:1\"\n"
				if tt.route != nil {
					text += headerTable("listeners.sites.routes."+table, tt.route...)
				}
				cfg, err := parseText(t.TempDir(), text)
				if err != nil {
					t.Fatal(err)
				}
				route := cfg.Listeners[0].Sites[0].Routes[0]
				got, other := route.RequestHeaders, route.ResponseHeaders
				if table == "response_headers" {
					got, other = other, got
				}
				if diff := cmp.Diff(tt.want, leveled(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", table, diff)
				}
				if other != nil {
					t.Errorf("%s: got the rules %v of the other table, want none", table, other)
				}
			}
		})
	}
}

func TestRulesForRequestsTakeAnUnderscoreForADash(t *testing.T) {
	table := headerTable("request_headers", `set = { X-A = "1" }`) + headerTable("response_headers", `set = { X-A = "1" }`) + configtest.Minimal +
		headerTable("listeners.sites.request_headers", `remove = ["x_a"]`) + headerTable("listeners.sites.response_headers", `remove = ["x_a"]`)
	cfg, err := parseText(t.TempDir(), table)
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Listeners[0].Sites[0]
	if diff := cmp.Diff([]string{"site: remove x_a"}, leveled(site.RequestHeaders)); diff != "" {
		t.Errorf("for requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"file: set X-A: 1", "site: remove x_a"}, leveled(site.ResponseHeaders)); diff != "" {
		t.Errorf("for responses (-want +got):\n%s", diff)
	}
}

func TestTheFileHasRulesOfItsOwnForResponses(t *testing.T) {
	cfg, err := parseText(t.TempDir(), headerTable("response_headers", `set = { A = "1" }`)+configtest.Minimal+headerTable("listeners.sites.response_headers", `set = { A = "2" }`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"file: set A: 1"}, leveled(cfg.ResponseHeaders)); diff != "" {
		t.Errorf("of the file (-want +got):\n%s", diff)
	}
}

// Ten thousand routes that inherit the same rules must not have a copy each.
func TestPlacesWithTheSameRulesShareThem(t *testing.T) {
	text := headerTable("response_headers", `set = { A = "1" }`) + configtest.Minimal
	for i := range 3 {
		text += fmt.Sprintf("[[listeners.sites.routes]]\npath = \"/%d\"\nrespond = 204\n", i)
	}
	cfg, err := parseText(t.TempDir(), text)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range cfg.Listeners[0].Sites[0].Routes {
		if route.ResponseHeaders == nil || route.ResponseHeaders != cfg.ResponseHeaders {
			t.Errorf("%s has its own copy", route.Path)
		}
	}
}

// The rules of each place are within the bound, and those that a route inherits from all places together are not.
func TestTooManyMergedRulesAreAnErrorOfTheMostSpecificTable(t *testing.T) {
	var names [2][]string
	for i := range 2 * (headers.MaxRules - 20) {
		names[i%2] = append(names[i%2], fmt.Sprintf("%q", fmt.Sprintf("X-%d", i)))
	}
	_, err := parseText(t.TempDir(), headerTable("response_headers", "remove = ["+strings.Join(names[0], ", ")+"]")+configtest.Minimal+
		headerTable("listeners.sites.response_headers", "remove = ["+strings.Join(names[1], ", ")+"]"))
	want := []string{"listeners[0].sites[0].response_headers: has 216 rules; at most 128 can apply to one message"}
	if diff := cmp.Diff(want, configErrorLines(t, "\x00", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}
