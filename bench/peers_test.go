//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
)

// somewhere returns a place in a temporary directory, with a certificate.
func somewhere(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	files, err := writeCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	return place{Dir: dir, Log: filepath.Join(dir, "access.log"), Port: 8443, OriginPort: 8080, Host: siteName,
		Cert: files.cert, Key: files.key, Pem: files.both, Cores: 1, Root: true, LogBuffer: true}
}

func TestEveryConfigurationHasTheSameWork(t *testing.T) {
	s, err := readSettings(env("BENCH_BINARY2", "/x/b", "BENCH_BINARY", "/x/a"))
	if err != nil {
		t.Fatal(err)
	}
	where := somewhere(t)
	for _, p := range findPeers(s) {
		t.Run(p.name, func(t *testing.T) {
			path, err := p.writeConfig(where)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wants := []string{"8443", "127.0.0.1:8080", siteName, where.Dir}
			if !strings.HasPrefix(p.name, peerOurs) { // ours sets the fields and limits by default
				wants = append(wants, "X-Real-IP")
			}
			if !p.stdoutLog {
				wants = append(wants, where.Log)
			}
			for _, want := range wants {
				if !strings.Contains(string(text), want) {
					t.Errorf("got no %q in\n%s", want, text)
				}
			}
			if args := strings.Join(p.run(path), " "); !strings.Contains(args, path) {
				t.Errorf("got the arguments %q, want the configuration in them", args)
			}
		})
	}
}

func TestNginxBatchesItsLogUnlessAskedNotTo(t *testing.T) {
	where := somewhere(t)
	for buffer, want := range map[bool]string{true: " line buffer=64k flush=200ms;", false: " line;"} {
		where.LogBuffer = buffer
		path, err := peer{config: "nginx.conf.tmpl"}.writeConfig(where)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), where.Log+want) {
			t.Errorf("got %v and\n%s\nwant a log with %q", err, text, want)
		}
	}
}

func TestOurConfigurationIsValid(t *testing.T) {
	for upstreamH2, protocol := range map[bool]string{false: "http1", true: "http2"} {
		where := somewhere(t)
		where.UpstreamH2 = upstreamH2
		path, err := peer{config: "reverse-proxy.toml.tmpl"}.writeConfig(where)
		if err != nil {
			t.Fatal(err)
		}
		config, err := config.Load(path, false)
		if err != nil {
			t.Fatal(err)
		}
		if config.MaxConnections < 2100 {
			t.Errorf("got room for %d connections, want it for the 2,000 of idle-memory and some", config.MaxConnections)
		}
		if got := config.Listeners[0].Sites[0].UpstreamProtocol; got != protocol {
			t.Errorf("got %s to the origin, want %s", got, protocol)
		}
	}
}

// TestTheOthersSpeakHTTP2ToTheOriginToo looks at the configurations of the peers that can.
func TestTheOthersSpeakHTTP2ToTheOriginToo(t *testing.T) {
	for config, want := range map[string]string{"haproxy.cfg.tmpl": " proto h2", "Caddyfile.tmpl": "h2c://"} {
		for _, upstreamH2 := range []bool{false, true} {
			where := somewhere(t)
			where.UpstreamH2 = upstreamH2
			path, err := peer{config: config}.writeConfig(where)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), want) != upstreamH2 {
				t.Errorf("%s: got %v and\n%s\nwant %q if HTTP/2 is asked for: %v", config, err, text, want, upstreamH2)
			}
		}
	}
}

func TestProgramThatIsMissingSaysWhatToDo(t *testing.T) {
	s, err := readSettings(env("BENCH_BINARY", filepath.Join(t.TempDir(), "none"), "BENCH_PEERS", "none"))
	if err != nil {
		t.Fatal(err)
	}
	if got := findPeers(s)[0].missing; !strings.Contains(got, "not found; build it with `make build`") {
		t.Errorf("got %q, want what to do", got)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.binary = broken
	if got := findPeers(s)[0].missing; !strings.Contains(got, "does not start: exit status 3") {
		t.Errorf("got %q, want that it does not start", got)
	}
}

func TestCertificateIsOfOneKind(t *testing.T) {
	where := somewhere(t)
	for _, files := range [][2]string{{where.Cert, where.Key}, {where.Pem, where.Pem}} {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := pair.Leaf.VerifyHostname(siteName); err != nil {
			t.Error(err)
		}
		if got := pair.Leaf.PublicKeyAlgorithm.String(); got != "ECDSA" {
			t.Errorf("got a key of %s, want ECDSA", got)
		}
	}
}

func TestFieldsOfTheProxyAreLookedAt(t *testing.T) {
	const good = "GET /echo HTTP/1.1\r\nHost: bench.example.test\r\nx-real-ip: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n" +
		"X-Forwarded-Proto: https\r\nX-Forwarded-Host: bench.example.test\r\n\r\n"
	if err := checkFields(good); err != nil {
		t.Errorf("got %v, want none", err)
	}
	for name, change := range map[string][2]string{
		"a field is missing":        {"x-real-ip: 127.0.0.1\r\n", ""},
		"a field is the client's":   {"X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 1.2.3.4, 127.0.0.1"},
		"the host is another one":   {"Host: bench", "Host: a.bench"},
		"the scheme is another one": {"https", "http"},
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if err := checkFields(strings.Replace(good, change[0], change[1], 1)); err == nil {
				t.Error("got no error, want one")
			}
		})
	}
}

func TestLogHasToGrow(t *testing.T) {
	i := &instance{log: filepath.Join(t.TempDir(), "access.log")}
	if err := i.takeLog(t.Context()); err == nil {
		t.Error("without a log: got no error, want one")
	}
	if err := os.WriteFile(i.log, []byte("a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.takeLog(t.Context()); err != nil {
		t.Errorf("with a line: got %v, want no error", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := i.takeLog(ctx); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("with no new line: got %v, want an error", err)
	}
}

func TestALogThatGrowsLateIsWaitedFor(t *testing.T) {
	i := &instance{log: filepath.Join(t.TempDir(), "access.log")}
	if err := os.WriteFile(i.log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = os.WriteFile(i.log, []byte("a line\n"), 0o600) })
	if err := i.takeLog(t.Context()); err != nil {
		t.Errorf("got %v, want no error for a line that comes later", err)
	}
}

func TestClipKeepsTheEnd(t *testing.T) {
	if got := clip(" short\n"); got != "short" {
		t.Errorf("got %q, want short", got)
	}
	if got := clip(strings.Repeat("x", 1000) + "end"); len(got) > 610 || !strings.HasSuffix(got, "end") {
		t.Errorf("got %d bytes %q, want the last 600", len(got), got)
	}
}

func TestOurConfigurationCanHaveManySitesWithRoutes(t *testing.T) {
	s, err := readSettings(env())
	if err != nil {
		t.Fatal(err)
	}
	for _, others := range []int{0, 1, 999} {
		where := somewhere(t)
		where.OtherSites = others
		path, err := findPeers(s)[0].writeConfig(where)
		if err != nil {
			t.Fatal(err)
		}
		config, err := config.Load(path, true)
		if err != nil {
			t.Fatal(err)
		}
		sites := config.Listeners[0].Sites
		if len(sites) != 1+others {
			t.Errorf("got %d sites, want %d", len(sites), 1+others)
		}
		for _, site := range sites {
			if want := min(others, 1) * 10; len(site.Routes) != want {
				t.Fatalf("%s has %d routes, want %d", site.Host, len(site.Routes), want)
			}
		}
	}
}
