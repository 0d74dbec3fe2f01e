package config

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reverse-proxy/proxy/config/configtest"
)

func TestDriftNamesEachStaticKeyThatDiffersAndNoDynamicOne(t *testing.T) {
	dir := configtest.CertificateDir(t)
	load := func(t *testing.T, pairs ...string) *Config {
		t.Helper()
		cfg, err := parseText(dir, configtest.Edited(t, configtest.EveryKey, pairs...))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	running := load(t)
	// dnsDrift is the drift of the keys that go when DNS-01 changes to another method.
	dnsDrift := func(method string) []Drift {
		return []Drift{{"listeners[0].tls.acme_dns", "rfc2136", method}, {"listeners[0].tls.acme_dns_server", "127.0.0.1:5354", ""},
			{"listeners[0].tls.acme_dns_zone", "example", ""}, {"listeners[0].tls.acme_dns_key_name", "key", ""},
			{"listeners[0].tls.acme_dns_key_algorithm", "hmac-sha256", ""}, {"listeners[0].tls.acme_dns_key_file", dir + "/a.key", ""}}
	}
	named := map[string]bool{}
	for _, c := range []struct {
		name, from, to string
		want           []Drift
	}{
		{"nothing differs", "", "", nil},
		{"the wildcard differs", "allow_wildcard_bind = false", "allow_wildcard_bind = true", []Drift{{"allow_wildcard_bind",
			"false", "true"}}},
		{"the health port differs", "9900", "0", []Drift{{"health_check_port", "9900", "0"}}},
		{"the admin socket differs", `"/run/admin.sock"`, `""`, []Drift{{"admin_socket_path", "/run/admin.sock", ""}}},
		{"the shutdown timeout differs", "30\n", "31\n", []Drift{{"shutdown_timeout_secs", "30", "31"}}},
		{"the idle timeout differs", "60\n", "59\n", []Drift{{"connection_idle_timeout_secs", "60", "59"}}},
		{"the header timeout differs", "10\n", "11\n", []Drift{{"header_timeout_secs", "10", "11"}}},
		{"the body timeout differs", "61\n", "59\n", []Drift{{"body_idle_timeout_secs", "61", "59"}}},
		{"the bound on connections differs", "= 1024", "= 1000", []Drift{{"max_connections", "1024", "1000"}}},
		{"a client's share of the connections differs", "per_client = 1", "per_client = 200", []Drift{{"max_connections_per_client", "1", "200"}}},
		{"a client's share of the connections is removed", "max_connections_per_client = 1\n", "", []Drift{{"max_connections_per_client", "1", ""}}},
		{"the sandbox differs", `"on"`, `"off"`, []Drift{{"sandbox", "on", "off"}}},
		{"the level differs", `"info"`, `"trace"`, []Drift{{"logging.level", "info", "trace"}}},
		{"the format differs", `"text"`, `"json"`, []Drift{{"logging.format", "text", "json"}}},
		{"the log file is removed", "log_file_path = \"DIR/proxy.log\"\n", "", []Drift{{"logging.log_file_path",
			dir + "/proxy.log", ""}}},
		{"an address differs", "127.0.0.1\"\nhttp_port", "127.0.0.3\"\nhttp_port", []Drift{{"listeners[0].bind_addr",
			"127.0.0.1", "127.0.0.3"}}},
		{"a redirect port differs", "80\n", "81\n", []Drift{{"listeners[0].http_port", "80", "81"}}},
		{"the PROXY protocol differs", `proxy_protocol = "off"`, `proxy_protocol = "required"`, []Drift{{"listeners[0].proxy_protocol", "off", "required"}}},
		{"an HTTPS port differs", "443\n", "444\n", []Drift{{"listeners[0].https_port", "443", "444"}}},
		{"a mode differs", `"acme"`, `"self_signed"`, []Drift{{"listeners[0].tls.mode", "acme", "self_signed"}}},
		{"the cache differs", "DIR/cache", "DIR/cache2", []Drift{{"listeners[0].tls.acme_cache_dir", dir + "/cache",
			dir + "/cache2"}}},
		{"the contact differs", "mailto:a@", "mailto:b@", []Drift{{"listeners[0].tls.acme_contact", "mailto:a@example.com",
			"mailto:b@example.com"}}},
		{"the directory differs", `"staging"`, `"production"`, []Drift{{"listeners[0].tls.acme_directory", ACMEStagingURL,
			ACMEProductionURL}}},
		{"the CA's root differs", `acme_ca_path = "DIR/a.pem"`, `acme_ca_path = "DIR/b.pem"`,
			[]Drift{{"listeners[0].tls.acme_ca_path", dir + "/a.pem", dir + "/b.pem"}}},
		{"the profile differs", `"shortlived"`, `"classic"`, []Drift{{"listeners[0].tls.acme_profile", "shortlived", "classic"}}},
		{"the key ID differs", `"kid-1"`, `"kid-2"`, []Drift{{"listeners[0].tls.acme_eab_key_id", "kid-1", "kid-2"}}},
		{"the binding's key differs", `acme_eab_key_file = "DIR/a.key"`, `acme_eab_key_file = "DIR/b.key"`,
			[]Drift{{"listeners[0].tls.acme_eab_key_file", dir + "/a.key", dir + "/b.key"}}},
		{"the way to start differs", `acme_start = "all"`, `acme_start = "available"`, []Drift{{"listeners[0].tls.acme_start", "all", "available"}}},
		{"the time for orders differs", "299\n", "298\n", []Drift{{"listeners[0].tls.acme_start_timeout_secs", "299", "298"}}},
		{"a responder takes the place of updates", `acme_dns = "rfc2136"`, `acme_dns = "responder"`, append(dnsDrift("responder"), Drift{"listeners[0].tls.acme_dns_bind", "", "127.0.0.1:5353"},
			Drift{"listeners[0].tls.acme_dns_host", "", "edge.example"})},
		{"a webhook takes the place of updates", `acme_dns = "rfc2136"`, `acme_dns = "webhook"`, append(dnsDrift("webhook"), Drift{"listeners[0].tls.acme_dns_present_url", "", "http://127.0.0.1:5355/present"},
			Drift{"listeners[0].tls.acme_dns_cleanup_url", "", "http://127.0.0.1:5355/cleanup"}, Drift{"listeners[0].tls.acme_dns_header_file", "", dir + "/a.key"})},
		{"the store differs", `"rediss://store.example:6380/1"`, `"rediss://u@store.example/2"`, []Drift{{"acme.store",
			"rediss://store.example:6380/1", "rediss://u@store.example:6379/2"}}},
		{"the store's key differs", "DIR/store.key", "DIR/a.key", []Drift{{"acme.store_key_file", dir + "/store.key", dir + "/a.key"}}},
		{"the store's password is removed", "store_password_file = \"DIR/store.password\"\n", "",
			[]Drift{{"acme.store_password_file", dir + "/store.password", ""}}},
		{"the store's root differs", `store_ca_path = "DIR/b.pem"`, `store_ca_path = "DIR/a.pem"`, []Drift{{"acme.store_ca_path", dir + "/b.pem", dir + "/a.pem"}}},
		{"a first pair is added", "cert_path = \"DIR/a.pem\"\nkey_path = \"DIR/a.key\"",
			"cert_path = \"DIR/b.pem\"\nkey_path = \"DIR/b.key\"", []Drift{
				{"listeners[1].tls.cert_path", dir + "/a.pem", dir + "/b.pem"}, {"listeners[1].tls.key_path",
					dir + "/a.key", dir + "/b.key"}}},
		{"a second pair is removed", "[[listeners.tls.certificates]]\ncert_path = \"DIR/b.pem\"\nkey_path = \"DIR/b.key\"\n", "",
			[]Drift{
				{"listeners[1].tls.certificates", dir + "/b.pem with " + dir + "/b.key", ""}}},
		{"the domains are dynamic", `["a.example"]`, `["a.example", "b.example"]`, nil},
		{"the health path is dynamic", `"/health"`, `""`, nil},
		{"the rate is dynamic", "requests_per_second = 100", "requests_per_second = 1", nil},
		{"the burst is dynamic", "burst = 200", "burst = 1", nil},
		{"the eviction interval is dynamic", "62\n", "1\n", nil},
		{"the eviction age is dynamic", "300\n", "1\n", nil},
		{"the body limit is dynamic", "104857600", "1", nil},
		{"a host is dynamic", `host = "a.example"`, `host = "b.example"`, nil},
		{"an upstream is dynamic", `"127.0.0.1:3000"`, `"127.0.0.1:3001"`, nil},
		{"a scheme is dynamic", `"http"`, `"https"`, nil},
		{"a connect timeout is dynamic", "5\n", "6\n", nil},
		{"a request timeout is dynamic", "63\n", "6\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := running.Drift(load(t, c.from, c.to))
			if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(func(a, b Drift) bool { return a.Key < b.Key })); diff != "" {
				t.Errorf("the drift differs (-want +got):\n%s", diff)
			}
			for _, drift := range got {
				named[tableName(drift.Key)] = true
			}
		})
	}
	// Each key that is static according to the reference must appear above.
	for _, table := range Reference() {
		if table.Path == "acme" {
			continue // TestWhatTheFileSaysAboutACMEHoldsForItsListeners
		}
		for _, key := range table.Keys {
			path, name := ChildKey(table.Path, key.Name), ChildKey(table.Path, key.Name)
			if table.Path == "listeners.tls.certificates" {
				name = table.Path
			}
			if named[name] == key.Dynamic {
				t.Errorf("%s: got named as drift %v, want it only for static keys, and the reference says dynamic=%v", path, named[name], key.Dynamic)
			}
		}
	}
}

// at makes listeners with these addresses and different ports.
func at(addresses ...string) []Listener {
	listeners := make([]Listener, len(addresses))
	for i, address := range addresses {
		listeners[i] = Listener{BindAddrs: []string{address}, HTTPSPort: 443}
	}
	return listeners
}

func TestListenersAreMatchedByAddressAndThenInOrder(t *testing.T) {
	for _, c := range []struct {
		name          string
		running, file []Listener
		matches       []int
		drift         []Drift
	}{
		{"the same listeners do not differ", at("a", "b"), at("a", "b"), []int{0, 1}, nil},
		{"another order is not drift", at("a", "b", "c"), at("c", "a", "b"), []int{1, 2, 0}, nil},
		{"one is added in front", at("a"), at("new", "a"), []int{1}, []Drift{{"listeners[0]", "", "new:443"}}},
		{"one is removed in front", at("a", "b"), at("b"), []int{-1, 0}, []Drift{{"listeners[0]", "a:443", ""}}},
		{"one moved is one key that differs", at("a", "b", "c"), at("a", "x", "c"), []int{0, 1, 2},
			[]Drift{{"listeners[1].bind_addr", "b", "x"}}},
		{"two moved keep their order", at("a", "b", "c"), at("x", "b", "y"), []int{0, 1, 2},
			[]Drift{{"listeners[0].bind_addr", "a", "x"}, {"listeners[2].bind_addr", "c", "y"}}},
		{"one is moved and one is added", at("a", "b"), at("b", "x", "y"), []int{1, 0},
			[]Drift{{"listeners[1].bind_addr", "a", "x"}, {"listeners[2]", "", "y:443"}}},
		{"one gets a second address", at("a", "b"), []Listener{{BindAddrs: []string{"a", "c"}, HTTPSPort: 443}, at("b")[0]}, []int{0, 1},
			[]Drift{{"listeners[0].bind_addr", "a", "a, c"}}},
		{"one is found by its second address", []Listener{{BindAddrs: []string{"a", "c"}, HTTPSPort: 443}}, at("x", "c"), []int{1},
			[]Drift{{"listeners[1].bind_addr", "a, c", "c"}, {"listeners[0]", "", "x:443"}}},
		{"two that become one have its sites", at("a", "b"), []Listener{{BindAddrs: []string{"a", "b"}, HTTPSPort: 443}}, []int{0, 0},
			[]Drift{{"listeners[0].bind_addr", "a", "a, b"}, {"listeners[0].bind_addr", "b", "a, b"}}},
		{"one becomes two", []Listener{{BindAddrs: []string{"a", "b"}, HTTPSPort: 443}}, at("a", "b"), []int{0},
			[]Drift{{"listeners[0].bind_addr", "a, b", "a"}, {"listeners[1]", "", "b:443"}}},
		{"all are removed", at("a", "b"), nil, []int{-1, -1}, []Drift{{"listeners[0]", "a:443", ""}, {"listeners[1]", "b:443",
			""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := MatchListeners(c.running, c.file); !slices.Equal(got, c.matches) {
				t.Errorf("got the matches %v, want %v", got, c.matches)
			}
			got := (&Config{Listeners: c.running}).Drift(&Config{Listeners: c.file})
			if diff := cmp.Diff(c.drift, got); diff != "" {
				t.Errorf("the drift differs (-want +got):\n%s", diff)
			}
		})
	}
}
