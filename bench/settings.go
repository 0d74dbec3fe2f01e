//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the settings of a run, from the environment.
type settings struct {
	// scenarios and peers are names; ours is always measured.
	scenarios, peers []string
	// rounds is how often each peer is measured, and window for how long each time.
	rounds int
	window time.Duration
	// binary is our program; other, if set, is a second build of it that is measured as a peer.
	binary, other string
	// noise measures the second build twice, as two peers, to show how much a build differs from itself.
	noise bool
	// caddy is the path of Caddy, which no Debian package provides.
	caddy string
	// nginxLogBuffer makes nginx batch its log for 200 ms, as we do.
	nginxLogBuffer bool
	// sites is the number of sites in the configuration of our program, but not in that of a second build.
	sites int
	// out is the results directory.
	out string
}

// readSettings reads the BENCH_… variables through getenv.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{
		scenarios:      scenarioNames(),
		peers:          []string{peerNginx, peerHAProxy, peerCaddy},
		rounds:         5,
		window:         3 * time.Second,
		binary:         "bin/reverse-proxy",
		other:          getenv("BENCH_BINARY2"),
		caddy:          "caddy",
		nginxLogBuffer: true,
		sites:          1,
		out:            "bench/out",
	}
	for key, value := range map[string]*string{"BENCH_BINARY": &s.binary, "BENCH_CADDY": &s.caddy, "BENCH_OUT": &s.out} {
		if got := getenv(key); got != "" {
			*value = got
		}
	}
	var err error
	if s.scenarios, err = names(getenv, "BENCH_SCENARIOS", s.scenarios); err != nil {
		return s, err
	}
	if s.peers, err = names(getenv, "BENCH_PEERS", s.peers); err != nil {
		return s, err
	}
	if got := getenv("BENCH_NOISE"); got != "" {
		if s.noise, err = strconv.ParseBool(got); err != nil || s.noise && s.other == "" {
			return s, fmt.Errorf("BENCH_NOISE: got %q; write 1, and set BENCH_BINARY2 as well", got)
		}
	}
	switch {
	case s.noise:
		s.peers = append([]string{peerOther, peerAgain}, s.peers...)
	case s.other != "":
		s.peers = append([]string{peerOther}, s.peers...)
	}
	if got := getenv("BENCH_ROUNDS"); got != "" {
		if s.rounds, err = strconv.Atoi(got); err != nil || s.rounds < 1 || s.rounds > 100 {
			return s, fmt.Errorf("BENCH_ROUNDS: got %q; write a number from 1 to 100", got)
		}
	}
	if got := getenv("BENCH_SITES"); got != "" {
		if s.sites, err = strconv.Atoi(got); err != nil || s.sites < 1 || s.sites > 10_000 {
			return s, fmt.Errorf("BENCH_SITES: got %q; write a number from 1 to 10000", got)
		}
	}
	if got := getenv("BENCH_SECONDS"); got != "" {
		seconds, err := strconv.ParseFloat(got, 64)
		if err != nil || !(seconds >= 0.2 && seconds <= 60) {
			return s, fmt.Errorf("BENCH_SECONDS: got %q; write a number from 0.2 to 60", got)
		}
		s.window = time.Duration(seconds * float64(time.Second))
	}
	if got := getenv("BENCH_NGINX_LOG"); got != "" {
		if got != "buffered" && got != "unbuffered" {
			return s, fmt.Errorf("BENCH_NGINX_LOG: got %q; write buffered or unbuffered", got)
		}
		s.nginxLogBuffer = got == "buffered"
	}
	return s, nil
}

// names reads a comma-separated list whose entries must be among the known ones. `none` is the empty list.
func names(getenv func(string) string, key string, known []string) ([]string, error) {
	text := getenv(key)
	switch text {
	case "":
		return known, nil
	case "none":
		return nil, nil
	}
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s: %q is unknown; there are %s", key, name, strings.Join(known, ", "))
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, nil
}
