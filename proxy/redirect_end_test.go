package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
)

// redirectingSites writes a configuration of a few sites whose routes redirect to each other, at random.
func redirectingSites(random *rand.Rand) string {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	hosts := []string{"a.example", "b.example", "c.example"}
	var text strings.Builder
	text.WriteString("[[listeners]]\nbind_addr = \"127.0.0.1\"\ntls.mode = \"self_signed\"\n")
	for i, host := range hosts {
		fmt.Fprintf(&text, "[[listeners.sites]]\nhost = %q\naliases = [\"alias%d.example\"]\nredirect_aliases = %v\nupstream = \"127.0.0.1:1\"\n", host, i, random.IntN(2) == 0)
		for _, path := range []string{"/", "/a", "/b", "/a/b"} {
			if random.IntN(2) == 0 {
				continue
			}
			target := pick("", "", "https://{host}", "https://"+pick(hosts...), "http://"+pick(hosts...), fmt.Sprintf("https://alias%d.example", random.IntN(3))) +
				pick("/a", "/b", "/a/b", "/c", "/b{path}", "/c{path}{query}")
			fmt.Fprintf(&text, "[[listeners.sites.routes]]\n%s = %q\nredirect = %q\nredirect_status = %s\n", pick("path", "path_exact"), path, target, pick("301", "302", "307", "308"))
			if random.IntN(4) == 0 {
				text.WriteString("methods = [\"POST\"]\n")
			}
		}
	}
	return text.String()
}

// redirectsOf follows a request through the redirects of the configuration, at most most of them, and returns their number.
func redirectsOf(t *testing.T, d *DynamicConfig, method, host, target string, most int) int {
	t.Helper()
	for hops := range most {
		made := d.decide(0, host, &Request{Method: method, Target: target})
		switch made.outcome {
		case toOwnHost:
			host = made.site.config.Host
			continue
		case redirected:
		default:
			return hops
		}
		fields := made.route.redirect(host, target).fields
		location, err := url.Parse(fields[0].Value)
		if err != nil {
			t.Fatalf("got the Location %q, which is not a URL: %v", fields[0].Value, err)
		}
		if location.Host != "" {
			host = location.Host
		}
		if method == "POST" && made.route.config.RedirectStatus < 303 {
			method = "GET"
		}
		target = location.RequestURI()
	}
	return most
}

// TestRedirectsThatAreAcceptedHaveAnEnd follows, by the decisions that requests get, what the configuration has accepted.
func TestRedirectsThatAreAcceptedHaveAnEnd(t *testing.T) {
	env := config.Environment{Now: time.Now, DescriptorLimit: func() uint64 { return 1 << 20 }}
	accepted, endless, followed := 0, 0, 0
	for seed := range uint64(1000) {
		text := redirectingSites(rand.New(rand.NewPCG(seed, 2)))
		cfg, err := config.FromBytes("config.toml", []byte(text), false, env)
		if err != nil {
			if !strings.Contains(err.Error(), "without an end") {
				t.Fatalf("seed %d: got %v for\n%s", seed, err, text)
			}
			endless++
			continue
		}
		accepted++
		dynamic, err := buildDynamic(cfg, cfg.Listeners, now())
		if err != nil {
			t.Fatal(err)
		}
		for _, site := range cfg.Listeners[0].Sites {
			for _, route := range site.Routes {
				method := "GET"
				if route.Methods != nil {
					method = route.Methods[0]
				}
				hops := redirectsOf(t, dynamic, method, site.Host, route.Path, 21)
				if followed += hops; hops > 20 {
					t.Fatalf("seed %d: %s%s is redirected without an end:\n%s", seed, site.Host, route.Path, text)
				}
			}
		}
	}
	if accepted < 100 || endless < 100 || followed < 300 {
		t.Errorf("got %d configurations that were accepted, with %d redirects, and %d that were not, want more of each", accepted, followed, endless)
	}
}
