package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/routing"
)

// FuzzParseConfig looks for bytes that crash the parser or the validation, that yield an error of several lines
// (which could forge a line of the log), or that yield a configuration outside its own bounds.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(configtest.Minimal))
	f.Add([]byte(configtest.Minimal + configtest.SecondListener))
	f.Add([]byte(strings.Replace(configtest.Minimal, `mode = "self_signed"`, configtest.ACME, 1)))
	f.Add([]byte(strings.Replace(configtest.Minimal, `mode = "self_signed"`, configtest.Manual, 1)))
	seeds, err := filepath.Glob("../../testdata/config/*.toml")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("got the seeds %v and the error %v, want some seeds", seeds, err)
	}
	for _, seed := range seeds {
		text, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, example := range ruleExamples(f, "../../testdata/config/rules_routes.txt") {
		f.Add([]byte(example.text(f)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := FromBytes("/nowhere/config.toml", text, false, configEnvironment())
		if err == nil {
			checkBounds(t, cfg)
			return
		}
		errs, ok := errors.AsType[Errors](err)
		if !ok || len(errs) == 0 || cfg != nil {
			t.Fatalf("got the configuration %v and the error %v, want Errors only", cfg, err)
		}
		for _, line := range errs.Lines() {
			if strings.ContainsFunc(line, unicode.IsControl) || len(line) > 4096 {
				t.Errorf("got the error %q of %d bytes, want one short line", line, len(line))
			}
		}
	})
}

// checkBounds fails the test if an accepted configuration breaks a promise of the Config type.
func checkBounds(t *testing.T, cfg *Config) {
	t.Helper()
	switch {
	case len(cfg.Listeners) == 0:
		t.Error("got no listeners, want at least one")
	case cfg.MaxConnections < 1 || descriptorsNeeded(cfg) > 4096:
		t.Errorf("got %d connections, want some that fit 4096 descriptors", cfg.MaxConnections)
	case !(cfg.RateLimit.RequestsPerSecond > 0) || cfg.RateLimit.Burst < 1 || cfg.Body.LimitBytes < 0:
		t.Errorf("got the limits %+v %+v, want a rate and a burst above 0", cfg.RateLimit, cfg.Body)
	case cfg.ShutdownTimeout <= 0 || cfg.HeaderTimeout <= 0 || cfg.ConnectionIdleTimeout <= 0 || cfg.BodyIdleTimeout <= 0:
		t.Error("got a timeout of 0 or less, want more")
	}
	for _, listener := range cfg.Listeners {
		hosts := make(map[string]bool)
		if listener.HTTPSPort < 1 || listener.HTTPSPort > 65535 || listener.HTTPPort < 0 || listener.HTTPPort > 65535 {
			t.Errorf("got the ports %d and %d, want ports", listener.HTTPPort, listener.HTTPSPort)
		}
		for _, site := range listener.Sites {
			if site.Host == "" || site.Host != strings.ToLower(site.Host) || hosts[site.Host] {
				t.Errorf("got the host %q, want a lower-cased one, once", site.Host)
			}
			hosts[site.Host] = true
			checkRoutes(t, site)
		}
	}
}

// checkRoutes fails the test if the routes of an accepted site break a promise of the Route type.
func checkRoutes(t *testing.T, site Site) {
	t.Helper()
	if site.Upstreams == nil && len(site.Routes) == 0 {
		t.Errorf("got the site %s with neither an upstream nor routes", site.Host)
	}
	var rules []routing.Rule[int]
	for _, route := range site.Routes {
		rules = append(rules, route.rule())
		actions := 0
		for _, has := range []bool{route.Upstreams != nil, route.Redirect != "", route.Respond != 0} {
			if has {
				actions++
			}
		}
		_, problem := routing.ParseLocation(route.Redirect)
		switch {
		case actions != 1:
			t.Errorf("got the route %s with %d actions, want one", route, actions)
		case routing.PathProblem(route.Path, route.Exact) != "":
			t.Errorf("got the path %q, want a plain one", route.Path)
		case route.Redirect != "" && (problem != "" || route.RedirectStatus < 301 || route.RedirectStatus > 308):
			t.Errorf("got the redirect %s, want a valid one", route)
		case route.Respond != 0 && (route.Respond < 200 || route.Respond > 599 || !http1.ValidValue(route.RespondType)):
			t.Errorf("got the fixed answer %s, want a valid one", route)
		case len(route.RespondBody) > maxAnswerBytes || len(route.RespondBody) > 0 && route.RespondType == "":
			t.Errorf("got a body of %d bytes of the type %q", len(route.RespondBody), route.RespondType)
		}
	}
	if collisions := routing.Collisions(rules); collisions != nil {
		t.Errorf("got routes that cannot be told apart: %+v", collisions)
	}
}
