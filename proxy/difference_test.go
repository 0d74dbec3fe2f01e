package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/limit"
)

// stateOf returns a configuration in the state of being in use on the running listeners, without certificates.
func stateOf(t *testing.T, cfg *config.Config, running []config.Listener) configState {
	t.Helper()
	dynamic, err := buildDynamic(cfg, running, configtest.Now)
	if err != nil {
		t.Fatal(err)
	}
	return configState{cfg, dynamic, make([]*cert.Table, len(running))}
}

// differenceOf compares two configurations, the first of which is running.
func differenceOf(t *testing.T, running, next *config.Config) admin.Difference {
	t.Helper()
	return stateOf(t, running, running.Listeners).differenceTo(stateOf(t, next, running.Listeners))
}

func TestTheDifferenceNamesEveryKeyThatDiffers(t *testing.T) {
	dir := configtest.CertificateDir(t)
	load := func(t *testing.T, pairs ...string) *config.Config {
		t.Helper()
		cfg, err := configOf(dir, configtest.Edited(t, configtest.EveryKey, pairs...), false)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	running := load(t)
	const first = "127.0.0.1:443"
	site := func(keys ...admin.KeyChange) admin.Difference {
		return admin.Difference{SitesChanged: []admin.SiteChange{{Host: "a.example", Listener: first, Keys: keys}}}
	}
	setting := func(key, was, is string) admin.Difference {
		return admin.Difference{Settings: []admin.KeyChange{{Key: key, Old: was, New: is}}}
	}
	page := dir + "/text.pem (362c17b7)" // the beginning of its SHA-256
	networks, users := dir+"/networks ("+config.HashOf([]byte("192.0.2.9\n"))[:8]+")", dir+"/users ("+config.HashOf([]byte(configtest.Users))[:8]+")"
	pemOf := func(name string) string {
		text, err := os.ReadFile(dir + "/" + name + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s/%s.pem (%.8s)", dir, name, config.HashOf(text))
	}
	named := map[string]bool{}
	for _, c := range []struct {
		name  string
		edits []string
		want  admin.Difference
	}{
		{"the names to order for differ", []string{`["a.example"]`, `["a.example", "b.example"]`}, setting("listeners[0].tls.acme_domains", "a.example", "a.example, b.example")},
		{"nothing differs", nil, admin.Difference{}},
		{"a comment is no difference", []string{"health_check_port = 9900", "health_check_port = 9_900 # the same"}, admin.Difference{}},
		{"the health path differs", []string{`"/health"`, `""`}, setting("https_health_path", "/health", "")},
		{"the rate differs", []string{"requests_per_second = 100", "requests_per_second = 0.5"},
			setting("rate_limit.requests_per_second", "100", "0.5")},
		{"the burst differs", []string{"burst = 200", "burst = 1"}, setting("rate_limit.burst", "200", "1")},
		{"the eviction interval differs", []string{"62\n", "1\n"}, setting("rate_limit.eviction_interval_secs", "62", "1")},
		{"the eviction age differs", []string{"300\n", "1\n"}, setting("rate_limit.eviction_age_secs", "300", "1")},
		{"the body limit differs", []string{"104857600", "1"}, setting("body.limit_bytes", "104857600", "1")},
		{"an upstream differs", []string{`"127.0.0.1:3000"`, `"127.0.0.1:3001"`},
			site(admin.KeyChange{Key: "upstream", Old: "127.0.0.1:3000", New: "127.0.0.1:3001"})},
		{"several upstreams take the place of one", []string{`upstream = "127.0.0.1:3000"`, `upstreams = ["127.0.0.1:3000", { address = "127.0.0.1:3009", weight = 3, backup = true }]`},
			site(admin.KeyChange{Key: "upstream", Old: "127.0.0.1:3000"}, admin.KeyChange{Key: "upstreams", New: "127.0.0.1:3000, 127.0.0.1:3009 weight 3 backup"})},
		{"the way in which upstreams are chosen and checked differs", []string{`"least_requests"`, `"cookie"`, `"/up"`, `"/ready"`, "interval_secs = 10\ntimeout_secs = 2\nrise = 2\nfall = 3\nexpect_status = 200", "interval_secs = 1\ntimeout_secs = 1\nrise = 1\nfall = 1\nexpect_status = 204",
			"attempts = 2\nbudget_percent = 20", "attempts = 1\nbudget_percent = 0"}, site(
			admin.KeyChange{Key: "balance", Old: "least_requests", New: "cookie"}, admin.KeyChange{Key: "health.path", Old: "/up", New: "/ready"},
			admin.KeyChange{Key: "health.interval_secs", Old: "10", New: "1"}, admin.KeyChange{Key: "health.timeout_secs", Old: "2", New: "1"},
			admin.KeyChange{Key: "health.rise", Old: "2", New: "1"}, admin.KeyChange{Key: "health.fall", Old: "3", New: "1"}, admin.KeyChange{Key: "health.expect_status", Old: "200", New: "204"},
			admin.KeyChange{Key: "retry.attempts", Old: "2", New: "1"}, admin.KeyChange{Key: "retry.budget_percent", Old: "20", New: "0"})},
		{"an alias is added", []string{`["alias.example"]`, `["alias.example", "other.example"]`},
			site(admin.KeyChange{Key: "aliases", Old: "alias.example", New: "alias.example, other.example"})},
		{"aliases are redirected", []string{"redirect_aliases = false", "redirect_aliases = true"},
			site(admin.KeyChange{Key: "redirect_aliases", Old: "false", New: "true"})},
		{"a scheme differs", []string{`"http"`, `"https"`}, site(admin.KeyChange{Key: "upstream_scheme", Old: "http", New: "https"})},
		{"the PROXY protocol differs", []string{`upstream_proxy_protocol = "v1"`, `upstream_proxy_protocol = "v2"`}, site(admin.KeyChange{Key: "upstream_proxy_protocol", Old: "v1", New: "v2"})},
		{"a protocol differs", []string{"upstream_protocol = \"http1\"", "upstream_protocol = \"http2\""},
			admin.Difference{SitesChanged: []admin.SiteChange{{Host: "tls.example", Listener: first, Keys: []admin.KeyChange{{Key: "upstream_protocol", Old: "http1", New: "http2"}}}}}},
		{"two timeouts of one site differ", []string{"5\n", "6\n", "63\n", "7\n"}, site(
			admin.KeyChange{Key: "upstream_connect_timeout_secs", Old: "5", New: "6"}, admin.KeyChange{Key: "upstream_request_timeout_secs", Old: "63", New: "7"})},
		{"an upstream's own bound differs", []string{"upstream_max_connections = 1\n", "upstream_max_connections = 15\n"}, site(admin.KeyChange{Key: "upstream_max_connections", Old: "1", New: "15"})},
		{"an upstream's own bound is removed", []string{"upstream_max_connections = 1\n", ""}, site(admin.KeyChange{Key: "upstream_max_connections", Old: "1", New: ""})},
		{"a site's rate differs", []string{"requests_per_second = 69", "requests_per_second = 0.5", "burst = 70", "burst = 7"}, site(
			admin.KeyChange{Key: "rate_limit.requests_per_second", Old: "69", New: "0.5"}, admin.KeyChange{Key: "rate_limit.burst", Old: "70", New: "7"})},
		{"a site's other limits differ", []string{"total_requests_per_second = 65", "total_requests_per_second = 0", "concurrent = 1\nconcurrent_wait_secs = 5\nbody_limit_bytes = 67\nbody_idle_timeout_secs = 68\n",
			"concurrent = 2\nconcurrent_wait_secs = 0\nbody_idle_timeout_secs = 3600\n"}, site(
			admin.KeyChange{Key: "total_requests_per_second", Old: "65", New: "0"}, admin.KeyChange{Key: "concurrent", Old: "1", New: "2"},
			admin.KeyChange{Key: "concurrent_wait_secs", Old: "5", New: "0"}, admin.KeyChange{Key: "body_limit_bytes", Old: "67", New: ""},
			admin.KeyChange{Key: "body_idle_timeout_secs", Old: "68", New: "3600"})},
		{"the file's header rules differ, which the sites inherit", []string{`set = { "X-A" = "1" }`, `set = { "X-A" = "9", "X-D" = "1" }`, "[response_headers]\nset = { \"X-A\" = \"1\" }", "[response_headers]"},
			admin.Difference{Settings: []admin.KeyChange{{Key: "request_headers", Old: "set X-A: 1, default X-B: 1, remove X-C", New: "set X-A: 9, default X-B: 1, remove X-C, set X-D: 1"},
				{Key: "response_headers", Old: "set X-A: 1, default X-B: 1, remove X-C", New: "default X-B: 1, remove X-C"}}}},
		{"a site's header rules differ", []string{`set = { "X-A" = "2" }`, `set = { "X-A" = "9" }`, `set = { "X-A" = "2" }`, `remove = ["X-A"]`, "default = { \"X-B\" = \"2\" }\nremove = [\"X-C\"]\n[[", "[["}, site(
			admin.KeyChange{Key: "request_headers", Old: "set X-A: 2, default X-B: 2, remove X-C", New: "set X-A: 9, default X-B: 2, remove X-C"},
			admin.KeyChange{Key: "response_headers", Old: "set X-A: 2, default X-B: 2, remove X-C", New: "remove X-A"})},
		{"the file's maintenance differs, which the sites inherit", []string{"\nmaintenance_file = \"DIR/text.pem\"", "", `["192.0.2.1"]`, `["192.0.2.1", "2001:db8::/32"]`},
			admin.Difference{Settings: []admin.KeyChange{{Key: "maintenance_file", Old: page, New: ""},
				{Key: "maintenance_allow", Old: "192.0.2.1/32", New: "192.0.2.1/32, 2001:db8::/32"}}}},
		{"a site's maintenance differs", []string{"68\nmaintenance_file = \"DIR/text.pem\"", "68\nmaintenance_file = \"\"", `["192.0.2.2"]`, `[]`}, site(
			admin.KeyChange{Key: "maintenance_file", Old: page, New: ""},
			admin.KeyChange{Key: "maintenance_allow", Old: "192.0.2.2/32", New: ""})},
		{"the trusted proxies differ", []string{`["192.0.2.5"]`, `["192.0.2.5", "10.0.0.0/8"]`, "proxies.txt", "more-proxies.txt", `"X-Real-IP"`, `""`}, admin.Difference{Settings: []admin.KeyChange{
			{Key: "listeners[0].trusted_proxies", Old: "192.0.2.5/32", New: "192.0.2.5/32, 10.0.0.0/8"},
			{Key: "listeners[0].trusted_proxies_file", Old: dir + "/proxies.txt (1 network, 3279e8d5)", New: dir + "/more-proxies.txt (2 networks, 11e9df82)"},
			{Key: "listeners[0].client_ip_header", Old: "X-Real-IP", New: ""}}}},
		{"the file's access differs, which the sites inherit", []string{`["203.0.113.1"]`, `[]`, "[]\nallow_file = \"DIR/networks\"\n", "[]\n", `["198.51.100.1"]`, `["::/0"]`, "deny_file = \"DIR/networks\"\nbasic_users_file = \"DIR/users\"\nforward_auth = \"http://127.0.0.1:9091/verify\"\nforward_auth_headers = [\"X-User-1\"]\nsatisfy = \"all\"\n[request",
			"deny_file = \"\"\nforward_auth = \"\"\nforward_auth_headers = [\"Remote-User\"]\nsatisfy = \"any\"\n[request"}, admin.Difference{Settings: []admin.KeyChange{
			{Key: "access.allow", Old: "203.0.113.1", New: "none"}, {Key: "access.allow_file", Old: networks, New: ""},
			{Key: "access.deny", Old: "198.51.100.1", New: "::/0"}, {Key: "access.deny_file", Old: networks, New: "none"},
			{Key: "access.basic_users_file", Old: users, New: ""}, {Key: "access.forward_auth", Old: "http://127.0.0.1:9091/verify", New: "none"},
			{Key: "access.forward_auth_headers", Old: "X-User-1", New: "Remote-User"}, {Key: "access.satisfy", Old: "all", New: "any"}}}},
		{"a site's access differs", []string{`["203.0.113.2"]`, `[]`, "[]\nallow_file = \"DIR/networks\"\n", "[]\n", `["198.51.100.2"]`, `["::/0"]`, "deny_file = \"DIR/networks\"\nbasic_users_file = \"DIR/users\"\nforward_auth = \"http://127.0.0.1:9092/verify\"\nforward_auth_headers = [\"X-User-2\"]\nsatisfy = \"all\"\n[listeners.sites.request",
			"deny_file = \"\"\nforward_auth = \"\"\nforward_auth_headers = [\"Remote-User\"]\nsatisfy = \"any\"\n[listeners.sites.request"}, site(
			admin.KeyChange{Key: "access.allow", Old: "203.0.113.2", New: "none"}, admin.KeyChange{Key: "access.allow_file", Old: networks, New: ""},
			admin.KeyChange{Key: "access.deny", Old: "198.51.100.2", New: "::/0"}, admin.KeyChange{Key: "access.deny_file", Old: networks, New: "none"},
			admin.KeyChange{Key: "access.basic_users_file", Old: users, New: ""}, admin.KeyChange{Key: "access.forward_auth", Old: "http://127.0.0.1:9092/verify", New: "none"},
			admin.KeyChange{Key: "access.forward_auth_headers", Old: "X-User-2", New: "Remote-User"}, admin.KeyChange{Key: "access.satisfy", Old: "all", New: "any"})},
		{"a site's clients differ", []string{"client_ca_path = \"DIR/a.pem\"", "client_ca_path = \"DIR/b.pem\"", `client_cert = "optional"`, `client_cert = "required"`}, site(
			admin.KeyChange{Key: "client_ca_path", Old: pemOf("a"), New: pemOf("b")}, admin.KeyChange{Key: "client_cert", Old: "optional", New: "required"})},
		{"another host is one site less and one more", []string{`host = "a.example"`, `host = "b.example"`}, admin.Difference{
			SitesRemoved: []admin.SiteSummary{{Host: "a.example", Aliases: []string{"alias.example"}, Listener: first, Upstream: "http://127.0.0.1:3000"}},
			SitesAdded:   []admin.SiteSummary{{Host: "b.example", Aliases: []string{"alias.example"}, Listener: first, Upstream: "http://127.0.0.1:3000"}},
		}},
		{"the TLS of an upstream differs", []string{"upstream_ca_path = \"DIR/a.pem\"", "upstream_ca_path = \"DIR/b.pem\"", `upstream_server_name = "b.example"`, `upstream_server_name = "c.example"`,
			"upstream_client_cert_path = \"DIR/a.pem\"\nupstream_client_key_path = \"DIR/a.key\"", "upstream_client_cert_path = \"DIR/b.pem\"\nupstream_client_key_path = \"DIR/b.key\""},
			admin.Difference{SitesChanged: []admin.SiteChange{{Host: "tls.example", Listener: first, Keys: []admin.KeyChange{
				{Key: "upstream_ca_path", Old: fileWithHash(t, dir, "a.pem"), New: fileWithHash(t, dir, "b.pem")},
				{Key: "upstream_server_name", Old: "b.example", New: "c.example"},
				{Key: "upstream_client_cert_path", Old: chainWithHash(t, dir, "a"), New: chainWithHash(t, dir, "b")},
				{Key: "upstream_client_key_path", Old: dir + "/a.key", New: dir + "/b.key"}}}}}},
		{"a static key waits for a restart", []string{"1024", "77"},
			admin.Difference{RestartRequired: []config.Drift{{Key: "max_connections", Running: "1024", File: "77"}}}},
		{"a site on the second listener differs", []string{"key_path = \"DIR/b.key\"\n",
			"key_path = \"DIR/b.key\"\n[[listeners.sites]]\nhost = \"b.example\"\nupstream = \"127.0.0.1:1\"\n"},
			admin.Difference{SitesAdded: []admin.SiteSummary{{Host: "b.example", Listener: "127.0.0.2:443", Upstream: "http://127.0.0.1:1"}}}},
		{"a listener that moves keeps its sites, and they are the same ones", []string{
			"bind_addr = \"127.0.0.1\"\nhttp_port = 80\nhttps_port = 443\n", "bind_addr = \"127.0.0.9\"\nhttp_port = 80\nhttps_port = 443\n"},
			admin.Difference{RestartRequired: []config.Drift{{Key: "listeners[0].bind_addr", Running: "127.0.0.1", File: "127.0.0.9"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := differenceOf(t, running, load(t, c.edits...))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the difference differs (-want +got):\n%s", diff)
			}
			for _, change := range got.Settings {
				named[strings.Replace(change.Key, "[0]", "", 1)] = true
			}
			for _, changed := range got.SitesChanged {
				for _, change := range changed.Keys {
					named["listeners.sites."+change.Key] = true
				}
			}
			if got.SitesAdded != nil {
				named["listeners.sites.host"] = true
			}
		})
	}
	// The reference marks the dynamic keys, and each of those has to show up above.
	for _, table := range config.Reference() {
		if strings.HasPrefix(table.Path, "listeners.sites.routes") {
			continue // TestNoFieldOfASiteIsForgottenInTheDifference
		}
		if table.Path == "expect" {
			continue // what is expected changes nothing that is served
		}
		for _, key := range table.Keys {
			path := config.ChildKey(table.Path, key.Name)
			if strings.HasSuffix(table.Path, "_headers") || strings.HasSuffix(table.Path, ".upstreams") {
				path = table.Path // the rules are shown together, and so are the upstreams
			}
			if got := named[path]; got != key.Dynamic {
				t.Errorf("%s: named in a difference %v, described as dynamic %v", path, got, key.Dynamic)
			}
		}
	}
}

// fileWithHash is how a difference shows a file whose contents count.
func fileWithHash(t *testing.T, dir, name string) string {
	t.Helper()
	contents, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s/%s (%.8s)", dir, name, config.HashOf(contents))
}

// chainWithHash is how it shows a certificate: by the hash of its chain.
func chainWithHash(t *testing.T, dir, name string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s/%s.pem (%.8s)", dir, name, config.HashOf(bytes.Join(pair.Certificate, nil)))
}

func TestTheDifferenceFollowsSitesFromListenerToListener(t *testing.T) {
	two := configtest.Minimal + configtest.SecondListener
	for _, c := range []struct {
		name, running, file string
		want                admin.Difference
	}{
		{"a site that moves is one site that changes", two,
			configtest.Edited(t, two, `host = "a.example"`, `host = "c.example"`, `host = "b.example"`, `host = "a.example"`),
			admin.Difference{
				SitesAdded:   []admin.SiteSummary{{Host: "c.example", Listener: "127.0.0.1:8443", Upstream: "http://127.0.0.1:3000"}},
				SitesRemoved: []admin.SiteSummary{{Host: "b.example", Listener: "127.0.0.2:8443", Upstream: "http://127.0.0.1:3001"}},
				SitesChanged: []admin.SiteChange{{Host: "a.example", Listener: "127.0.0.2:8443", Keys: []admin.KeyChange{
					{Key: "listener", Old: "127.0.0.1:8443", New: "127.0.0.2:8443"}, {Key: "upstream", Old: "127.0.0.1:3000", New: "127.0.0.1:3001"},
				}}},
			}},
		{"a listener that is new in the file waits with its sites", configtest.Minimal, two, admin.Difference{
			SitesWaiting:    []admin.SiteSummary{{Host: "b.example", Listener: "127.0.0.2:8443", Upstream: "http://127.0.0.1:3001"}},
			RestartRequired: []config.Drift{{Key: "listeners[1]", Running: "", File: "127.0.0.2:8443"}},
		}},
		{"a listener that the file no longer has loses its sites", two, configtest.Minimal, admin.Difference{
			SitesRemoved:    []admin.SiteSummary{{Host: "b.example", Listener: "127.0.0.2:8443", Upstream: "http://127.0.0.1:3001"}},
			RestartRequired: []config.Drift{{Key: "listeners[1]", Running: "127.0.0.2:8443", File: ""}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			running, err := configOf(dir, c.running, false)
			if err != nil {
				t.Fatal(err)
			}
			next, err := configOf(dir, c.file, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, differenceOf(t, running, next)); diff != "" {
				t.Errorf("the difference differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheDifferenceShowsRenewedCertificates(t *testing.T) {
	cfg, err := configOf(t.TempDir(), configtest.Minimal, false)
	if err != nil {
		t.Fatal(err)
	}
	old, other := testCertificate(t, "a.example"), testCertificate(t, "a.example", "b.example")
	with := func(table *cert.Table) configState {
		state := stateOf(t, cfg, cfg.Listeners)
		state.certificates[0] = table
		return state
	}
	running := with(cert.NewTable([]*tls.Certificate{old, other}))
	if got := running.differenceTo(with(cert.NewTable([]*tls.Certificate{old, other}))); got.Count() != 0 {
		t.Errorf("the same certificates: got %+v, want no difference", got)
	}
	got := running.differenceTo(with(cert.NewTable([]*tls.Certificate{old, testCertificate(t, "c.example")})))
	if len(got.Certificates) != 1 {
		t.Fatalf("got the certificates %+v, want only the second one", got.Certificates)
	}
	change := got.Certificates[0]
	if change.Listener != "127.0.0.1:8443" || !cmp.Equal(change.OldNames, []string{"a.example", "b.example"}) ||
		!cmp.Equal(change.NewNames, []string{"c.example"}) || change.OldNotAfter.IsZero() || change.NewNotAfter.Location() != time.UTC {
		t.Errorf("got %+v, want the listener, the names and the times of both", change)
	}
	if got := with(nil).differenceTo(with(nil)); got.Count() != 0 {
		t.Errorf("ACME mode: got %+v, want no difference", got)
	}
}

// setField changes one field of a struct to another value.
func setField(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.String:
		field.SetString(field.String() + "x")
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + int64(time.Second))
	case reflect.Float64:
		field.SetFloat(field.Float() + 1)
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Slice:
		switch field.Interface().(type) {
		case []config.Route:
			field.Set(reflect.ValueOf([]config.Route{{Path: "/x"}}))
		case []byte:
			field.SetBytes([]byte("x"))
		case config.Upstreams:
			field.Set(reflect.ValueOf(config.OneUpstream("x:1")))
		default:
			field.Set(reflect.ValueOf([]string{"x"}))
		}
	case reflect.Struct:
		setField(t, field.Field(0))
	case reflect.Pointer:
		if field.Type() == reflect.TypeFor[*config.Access]() {
			cfg, err := configOf(t.TempDir(), configtest.Minimal+"access.allow = [\"192.0.2.1\"]\n[[listeners.sites.routes]]\npath = \"/\"\naccess.deny = [\"192.0.2.2\"]\n", false)
			if err != nil {
				t.Fatal(err)
			}
			field.Set(reflect.ValueOf(cfg.Listeners[0].Sites[0].Routes[0].Access)) // with a key of each level
			return
		}
		if field.Type() == reflect.TypeFor[*config.ClientCerts]() {
			field.Set(reflect.ValueOf(&config.ClientCerts{CAHash: "1"}))
			return
		}
		rules, err := headers.Compile(headers.Response, []headers.Rule{{Op: headers.Remove, Name: "X-A", Level: "site"}, {Op: headers.Remove, Name: "X-B", Level: "route"}})
		if err != nil {
			t.Fatal(err)
		}
		field.Set(reflect.ValueOf(rules))
	default:
		t.Fatalf("a field of kind %s: teach this test to change it", field.Kind())
	}
}

// fieldsOf lists the fields of a struct, with those of embedded structs in their place.
// The levels at which limits were set are not among them: a difference is one of the values that were set there.
func fieldsOf(of reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(of), func(field reflect.StructField) bool {
		return field.Anonymous || field.Type == reflect.TypeFor[config.Level]()
	})
}

// allSetAt returns settings whose limits were all set at the level.
func allSetAt(level config.Level) config.Settings {
	settings := config.Settings{UpstreamScheme: "http"}
	limits := reflect.ValueOf(&settings.Limits).Elem()
	for i := range limits.NumField() {
		if field := limits.Field(i); field.Type() == reflect.TypeFor[config.Level]() {
			field.Set(reflect.ValueOf(level))
		}
	}
	settings.Maintenance.FileFrom, settings.Maintenance.AllowFrom = level, level
	return settings
}

func TestNoFieldOfASiteIsForgottenInTheDifference(t *testing.T) {
	site := config.Site{Host: "a.example", Upstreams: config.OneUpstream("127.0.0.1:1"), Settings: allSetAt(config.LevelSite),
		Routes: []config.Route{{Path: "/a", Upstreams: config.OneUpstream("127.0.0.1:2"), Settings: allSetAt(config.LevelRoute)}}}
	for _, field := range fieldsOf(reflect.TypeFor[config.Site]()) {
		if field.Name == "Host" || field.Name == "Routes" {
			continue // another host is another site; routes are compared below
		}
		changed := site
		setField(t, reflect.ValueOf(&changed).Elem().FieldByIndex(field.Index))
		if got := changedKeys(servedSite{"l", site}.keys(), servedSite{"l", changed}.keys()); len(got) != 1 {
			t.Errorf("%s: got the changes %v, want one", field.Name, got)
		}
	}
	for _, field := range fieldsOf(reflect.TypeFor[config.Route]()) {
		changed := site
		changed.Routes = slices.Clone(site.Routes)
		if field.Name == "RedirectStatus" {
			site.Routes[0].Redirect, changed.Routes[0].Redirect = "/x", "/x"
		}
		if strings.HasPrefix(field.Name, "Respond") {
			site.Routes[0].Redirect, changed.Routes[0].Redirect = "", ""
			site.Routes[0].RespondBody, changed.Routes[0].RespondBody = []byte("y"), []byte("y")
			site.Routes[0].Respond, changed.Routes[0].Respond = 200, 200
		}
		setField(t, reflect.ValueOf(&changed.Routes[0]).Elem().FieldByIndex(field.Index))
		var got comparison
		got.routes(servedSite{"l", site}, servedSite{"l", changed}, nil)
		switch {
		case field.Name == "Path" || field.Name == "Exact": // another path is another route
			if len(got.RoutesAdded) != 1 || len(got.RoutesRemoved) != 1 {
				t.Errorf("a route's %s: got %+v, want one route less and one more", field.Name, got.Difference)
			}
		case len(got.RoutesChanged) != 1 || len(got.RoutesChanged[0].Keys) != 1:
			t.Errorf("a route's %s: got %+v, want one route with one key", field.Name, got.Difference)
		}
		site.Routes[0].Redirect, site.Routes[0].Respond = "", 0
	}
	bound := limit.Config{}
	for i := range reflect.TypeFor[limit.Config]().NumField() {
		changed := bound
		setField(t, reflect.ValueOf(&changed).Elem().Field(i))
		got := changedKeys((&DynamicConfig{RateLimit: bound}).settings(), (&DynamicConfig{RateLimit: changed}).settings())
		if len(got) != 1 {
			t.Errorf("limit.Config.%s: got the changes %v, want one", reflect.TypeFor[limit.Config]().Field(i).Name, got)
		}
	}
}

func TestDiffPredictsAReloadAndChangesNothing(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	before := d.dynamic.Load()
	if got := d.Diff(); got.Status != "ok" || got.Changes != 0 || got.Difference.Count() != 0 {
		t.Errorf("the file as it runs: got %+v, want no difference", got)
	}
	d.writeConfig(t, "127.0.0.1:2", "connection_idle_timeout_secs = 7\n")
	preview := d.Diff()
	if preview.Status != "ok" || preview.Changes != 2 {
		t.Fatalf("got %+v, want the upstream and the static key", preview)
	}
	d.Diff()
	if d.dynamic.Load() != before || len(d.reported) != 0 || d.last.Load() != nil {
		t.Error("a diff has changed the configuration, the reported drift or the last reload")
	}
	done := d.Reload()
	if diff := cmp.Diff(preview.Difference, done.Difference); diff != "" {
		t.Errorf("the reload differs from its preview (-diff +reload):\n%s", diff)
	}
	after := d.Diff()
	if after.Changes != 1 || len(after.Difference.RestartRequired) != 1 {
		t.Errorf("after the reload: got %+v, want only the static key", after)
	}
	d.stopWithin(t, patience)
	for event, want := range map[string]int{"CONFIG_RELOAD": 1, "CONFIG_DRIFT": 1, "CONFIG_ERROR": 0} {
		if got := strings.Count(d.log.String(), event); got != want {
			t.Errorf("%s: got %d lines, want %d, all from the reload; log:\n%s", event, got, want, d.log)
		}
	}
}

func TestDiffOfABadFileHasItsErrors(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	d.writeConfig(t, "no port", "")
	got := d.Diff()
	if got.Status != "error" || len(got.Errors) != 1 || !strings.Contains(got.Errors[0], "listeners[0].sites[0].upstream (line ") {
		t.Errorf("got %+v, want the error of the upstream", got)
	}
	if want := d.Daemon.config.Path + ": a reload would be refused; 1 error in the configuration"; got.Message != want {
		t.Errorf("got the message %q, want %q", got.Message, want)
	}
	text, err := json.Marshal(got)
	if err != nil || !strings.Contains(string(text), `"changes":0`) {
		t.Errorf("got %s, %v, want the number of changes even where it is 0", text, err)
	}
}

func TestDiffReloadAndStatusGoTogether(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 10 {
				switch i {
				case 0:
					d.Reload()
				case 1:
					d.Status()
				default:
					// Nothing differs: a half-done reload would show as a difference.
					if got := d.Diff(); got.Status != "ok" || got.Changes != 0 {
						t.Errorf("got %+v, want no change", got)
					}
				}
			}
		})
	}
	all.Wait()
}
