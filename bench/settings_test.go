//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// env makes a getenv from pairs.
func env(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestSettingsWithoutEnvironmentMeasureAll(t *testing.T) {
	got, err := readSettings(env())
	if err != nil {
		t.Fatal(err)
	}
	want := settings{scenarios: scenarioNames(), peers: []string{"nginx", "haproxy", "caddy"}, rounds: 5,
		window: 3 * time.Second, binary: "bin/reverse-proxy", caddy: "caddy", nginxLogBuffer: true, sites: 1, out: "bench/out"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsFollowTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  func(*settings)
	}{
		"some scenarios are named":               {[]string{"BENCH_SCENARIOS", "h1-tls-1m, latency,h1-tls-1m"}, func(s *settings) { s.scenarios = []string{"h1-tls-1m", "latency"} }},
		"one peer is named":                      {[]string{"BENCH_PEERS", "nginx"}, func(s *settings) { s.peers = []string{"nginx"} }},
		"no peer is wanted":                      {[]string{"BENCH_PEERS", "none"}, func(s *settings) { s.peers = nil }},
		"the rounds are counted":                 {[]string{"BENCH_ROUNDS", "11"}, func(s *settings) { s.rounds = 11 }},
		"the sites are counted":                  {[]string{"BENCH_SITES", "1000"}, func(s *settings) { s.sites = 1000 }},
		"a window may be part of a second":       {[]string{"BENCH_SECONDS", "0.5"}, func(s *settings) { s.window = 500 * time.Millisecond }},
		"another build is measured":              {[]string{"BENCH_BINARY", "/x/a"}, func(s *settings) { s.binary = "/x/a" }},
		"two builds are measured against others": {[]string{"BENCH_BINARY2", "/x/b"}, func(s *settings) { s.other, s.peers = "/x/b", append([]string{peerOther}, s.peers...) }},
		"only two builds are measured":           {[]string{"BENCH_BINARY2", "/x/b", "BENCH_PEERS", "none"}, func(s *settings) { s.other, s.peers = "/x/b", []string{peerOther} }},
		"a build is measured against itself":     {[]string{"BENCH_BINARY2", "/x/b", "BENCH_NOISE", "1", "BENCH_PEERS", "none"}, func(s *settings) { s.other, s.noise, s.peers = "/x/b", true, []string{peerOther, peerAgain} }},
		"nginx writes a log line a request":      {[]string{"BENCH_NGINX_LOG", "unbuffered"}, func(s *settings) { s.nginxLogBuffer = false }},
		"the places are named":                   {[]string{"BENCH_CADDY", "/x/caddy", "BENCH_OUT", "/x/out"}, func(s *settings) { s.caddy, s.out = "/x/caddy", "/x/out" }},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readSettings(env(c.pairs...))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := readSettings(env())
			c.want(&want)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsThatCannotBeAreErrorsThatNameTheKey(t *testing.T) {
	for key, values := range map[string][]string{
		"BENCH_SCENARIOS": {"h1-tls-2k", "h1-tls-1k,", ","},
		"BENCH_PEERS":     {"apache", "nginx;caddy"},
		"BENCH_ROUNDS":    {"0", "-1", "101", "x", "1.5"},
		"BENCH_SITES":     {"0", "-1", "10001", "x"},
		"BENCH_SECONDS":   {"0", "0.1", "61", "NaN", "x"},
		"BENCH_NGINX_LOG": {"yes"},
		"BENCH_NOISE":     {"maybe", "1"}, // there is no second build
	} {
		for _, value := range values {
			if _, err := readSettings(env(key, value)); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
				t.Errorf("%s=%s: got %v, want an error that begins with the key", key, value, err)
			}
		}
	}
}

func TestScenariosAreTheAgreedOnes(t *testing.T) {
	want := []string{"h1-tls-1k", "h2-tls-1k", "h2-to-h2-1k", "h1-tls-1m", "h1-tls-post-64k", "h2-tls-1m", "h2-tls-post-64k", "tls-handshake", "idle-memory", "h2-idle-memory", "h2-idle-memory-32", "latency",
		"paced-3k", "h1-tls-1k-2cores", "h2-tls-page", "ws-tunnel", "sse"}
	if diff := cmp.Diff(want, scenarioNames()); diff != "" {
		t.Error(diff)
	}
	for _, s := range scenarios() {
		if !s.measures(peerOurs) || s.measures(peerNginx) == s.upstreamH2 {
			t.Errorf("%s: not for us and nginx, want at least these two, but nginx not with HTTP/2 to the origin", s.name)
		}
		if (s.metric == latency) && s.job.Rate == 0 {
			t.Errorf("%s: latencies without a rate, want one", s.name)
		}
	}
}

func TestAPageHasItsResources(t *testing.T) {
	list := resources()
	if len(list) != 40 {
		t.Errorf("got %d resources, want 40", len(list))
	}
	seen := map[int]bool{}
	for _, r := range list {
		if r.Target != fmt.Sprintf("/kib/%d", r.Bytes/1024) || r.Bytes < 2<<10 || r.Bytes > 80<<10 || seen[r.Bytes] {
			t.Errorf("got %+v, want each length from 2 to 80 KiB once", r)
		}
		seen[r.Bytes] = true
	}
}
