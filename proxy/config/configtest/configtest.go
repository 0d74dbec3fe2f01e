// Package configtest holds the configurations and files from which configuration tests start.
package configtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Minimal is the shortest valid configuration: the tests of the rules are edits of it.
const Minimal = `[rate_limit]
requests_per_second = 100
burst = 200
[body]
limit_bytes = 104857600
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "a.example"
upstream = "127.0.0.1:3000"
`

// SecondListener is a listener to append to Minimal that conflicts with nothing.
const SecondListener = `[[listeners]]
bind_addr = "127.0.0.2"
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "b.example"
upstream = "127.0.0.1:3001"
`

// These edits put Minimal's listener into another mode. DIR is replaced by the test's directory.
const (
	ACME = `mode = "acme"
acme_domains = ["a.example"]
acme_cache_dir = "DIR/cache"
acme_contact = "mailto:admin@example.com"`
	Manual = `mode = "manual"
cert_path = "DIR/a.pem"
key_path = "DIR/a.key"`
)

// Now is the time at which the tests' certificates are judged.
var Now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Edited replaces in text the first of each pair by the second, and fails the test if there is nothing to replace.
func Edited(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration does not contain %q:\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// CertificateDir returns a directory with the pairs a and b, an expired one, and files that are not certificates.
func CertificateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	WritePair(t, dir, "a", Now.Add(24*time.Hour))
	WritePair(t, dir, "b", Now.Add(24*time.Hour))
	WritePair(t, dir, "expired", Now.Add(-time.Hour))
	WriteFile(t, dir, "store.key", strings.Repeat("0123456789abcdef", 2)+"\n")
	WriteFile(t, dir, "store.password", "secret\n")
	WriteFile(t, dir, "text.pem", "no certificate in here\n")
	WriteFile(t, dir, "proxies.txt", "198.51.100.0/24 # a network\n")
	WriteFile(t, dir, "more-proxies.txt", "198.51.100.0/24\n2001:db8::/32\n")
	WriteFile(t, dir, "networks", "192.0.2.9\n")
	WriteFile(t, dir, "users", Users)
	WriteFile(t, dir, "damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	WriteFile(t, dir, "encrypted.key",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	WriteFile(t, dir, "damaged.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	return dir
}

// Users is a password file with the user ann, whose password is "open sesame".
const Users = "ann:$2a$04$OkPOOsZoak9bVOk0tBS./OmNZwJmQLc7GcExVuaycOtRPRYUZyhhG\n"

// WritePair writes name.pem and name.key, for the host name.example.
func WritePair(t *testing.T, dir, name string, notAfter time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name + ".example"},
		DNSNames:     []string{name + ".example"},
		NotBefore:    notAfter.Add(-48 * time.Hour),
		NotAfter:     notAfter,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	WriteFile(t, dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	WriteFile(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// WriteFile writes a file and returns its path.
func WriteFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// EveryKey is the running configuration in the tests of drift; DIR is replaced by the test's directory.
const EveryKey = `allow_wildcard_bind = false
health_check_port = 9900
https_health_path = "/health"
admin_socket_path = "/run/admin.sock"
shutdown_timeout_secs = 30
connection_idle_timeout_secs = 60
header_timeout_secs = 10
body_idle_timeout_secs = 61
max_connections = 1024
max_connections_per_client = 1
sandbox = "on"
maintenance_file = "DIR/text.pem"
maintenance_allow = ["192.0.2.1"]
[logging]
level = "info"
format = "text"
log_file_path = "DIR/proxy.log"
[acme]
cache_dir = "DIR/file-cache"
contact = "mailto:file@example.com"
directory = "https://127.0.0.1:14001/dir"
ca_path = "DIR/b.pem"
profile = "tlsserver"
eab_key_id = "kid-9"
eab_key_file = "DIR/encrypted.key"
start = "available"
start_timeout_secs = 297
dns = "rfc2136"
dns_bind = "127.0.0.1:5353"
dns_host = "edge.example"
dns_server = "127.0.0.1:5354"
dns_zone = "example"
dns_key_name = "key"
dns_key_algorithm = "hmac-sha256"
dns_key_file = "DIR/a.key"
dns_present_url = "http://127.0.0.1:5355/present"
dns_cleanup_url = "http://127.0.0.1:5355/cleanup"
dns_header_file = "DIR/a.key"
store = "rediss://store.example:6380/1"
store_key_file = "DIR/store.key"
store_password_file = "DIR/store.password"
store_ca_path = "DIR/b.pem"

[rate_limit]
requests_per_second = 100
burst = 200
eviction_interval_secs = 62
eviction_age_secs = 300
[body]
limit_bytes = 104857600
[access]
allow = ["203.0.113.1"]
allow_file = "DIR/networks"
deny = ["198.51.100.1"]
deny_file = "DIR/networks"
basic_users_file = "DIR/users"
forward_auth = "http://127.0.0.1:9091/verify"
forward_auth_headers = ["X-User-1"]
satisfy = "all"
[request_headers]
set = { "X-A" = "1" }
default = { "X-B" = "1" }
remove = ["X-C"]
[response_headers]
set = { "X-A" = "1" }
default = { "X-B" = "1" }
remove = ["X-C"]
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 80
https_port = 443
proxy_protocol = "off"
trusted_proxies = ["192.0.2.5"]
trusted_proxies_file = "DIR/proxies.txt"
client_ip_header = "X-Real-IP"
[listeners.tls]
mode = "acme"
acme_domains = ["a.example"]
acme_cache_dir = "DIR/cache"
acme_contact = "mailto:a@example.com"
acme_directory = "staging"
acme_ca_path = "DIR/a.pem"
acme_profile = "shortlived"
acme_eab_key_id = "kid-1"
acme_eab_key_file = "DIR/a.key"
acme_start = "all"
acme_start_timeout_secs = 299
acme_dns = "rfc2136"
acme_dns_bind = "127.0.0.1:5353"
acme_dns_host = "edge.example"
acme_dns_server = "127.0.0.1:5354"
acme_dns_zone = "example"
acme_dns_key_name = "key"
acme_dns_key_algorithm = "hmac-sha256"
acme_dns_key_file = "DIR/a.key"
acme_dns_present_url = "http://127.0.0.1:5355/present"
acme_dns_cleanup_url = "http://127.0.0.1:5355/cleanup"
acme_dns_header_file = "DIR/a.key"
[[listeners.sites]]
host = "a.example"
aliases = ["alias.example"]
redirect_aliases = false
client_ca_path = "DIR/a.pem"
client_cert = "optional"
upstream = "127.0.0.1:3000"
upstream_scheme = "http"
upstream_proxy_protocol = "v1"
upstream_connect_timeout_secs = 5
upstream_request_timeout_secs = 63
upstream_max_connections = 1
balance = "least_requests"
total_requests_per_second = 65
concurrent = 1
concurrent_wait_secs = 5
body_limit_bytes = 67
body_idle_timeout_secs = 68
maintenance_file = "DIR/text.pem"
maintenance_allow = ["192.0.2.2"]
[listeners.sites.rate_limit]
requests_per_second = 69
burst = 70
[listeners.sites.health]
path = "/up"
interval_secs = 10
timeout_secs = 2
rise = 2
fall = 3
expect_status = 200
[listeners.sites.retry]
attempts = 2
budget_percent = 20
[listeners.sites.access]
allow = ["203.0.113.2"]
allow_file = "DIR/networks"
deny = ["198.51.100.2"]
deny_file = "DIR/networks"
basic_users_file = "DIR/users"
forward_auth = "http://127.0.0.1:9092/verify"
forward_auth_headers = ["X-User-2"]
satisfy = "all"
[listeners.sites.request_headers]
set = { "X-A" = "2" }
default = { "X-B" = "2" }
remove = ["X-C"]
[listeners.sites.response_headers]
set = { "X-A" = "2" }
default = { "X-B" = "2" }
remove = ["X-C"]
[[listeners.sites]]
host = "several.example"
[[listeners.sites.upstreams]]
address = "127.0.0.1:3002"
weight = 1
backup = false
[[listeners.sites]]
host = "routes.example"
[[listeners.sites.routes]]
path = "/api"
methods = ["GET"]
upstream = "127.0.0.1:3001"
strip_prefix = false
upstream_scheme = "http"
upstream_proxy_protocol = "v2"
upstream_connect_timeout_secs = 7
upstream_request_timeout_secs = 64
upstream_max_connections = 1
balance = "least_requests"
total_requests_per_second = 71
concurrent = 1
concurrent_wait_secs = 6
body_limit_bytes = 73
body_idle_timeout_secs = 74
maintenance_file = "DIR/text.pem"
maintenance_allow = ["192.0.2.3"]
[listeners.sites.routes.rate_limit]
requests_per_second = 75
burst = 76
[listeners.sites.routes.health]
path = "/up"
interval_secs = 10
timeout_secs = 2
rise = 2
fall = 3
expect_status = 200
[listeners.sites.routes.retry]
attempts = 2
budget_percent = 20
[listeners.sites.routes.access]
allow = ["203.0.113.3"]
allow_file = "DIR/networks"
deny = ["198.51.100.3"]
deny_file = "DIR/networks"
basic_users_file = "DIR/users"
forward_auth = "http://127.0.0.1:9093/verify"
forward_auth_headers = ["X-User-3"]
satisfy = "all"
[listeners.sites.routes.request_headers]
set = { "X-A" = "3" }
default = { "X-B" = "3" }
remove = ["X-C"]
[listeners.sites.routes.response_headers]
set = { "X-A" = "3" }
default = { "X-B" = "3" }
remove = ["X-C"]
[[listeners.sites.routes]]
path = "/several"
[[listeners.sites.routes.upstreams]]
address = "127.0.0.1:3002"
weight = 1
backup = false
[[listeners.sites.routes]]
path_exact = "/old"
redirect = "/new"
redirect_status = 307
[[listeners.sites.routes]]
path_exact = "/body"
respond = 404
respond_body = "gone"
[[listeners.sites.routes]]
path_exact = "/file"
respond = 404
respond_file = "DIR/text.pem"
[[listeners.sites.routes]]
path_exact = "/page"
respond = 404
respond_type = "text/html"
respond_body = "<h1>Gone</h1>"
[[listeners.sites]]
host = "tls.example"
upstream = "127.0.0.1:3003"
upstream_scheme = "https"
upstream_protocol = "http1"
upstream_ca_path = "DIR/a.pem"
upstream_server_name = "b.example"
upstream_client_cert_path = "DIR/a.pem"
upstream_client_key_path = "DIR/a.key"
[[listeners.sites.routes]]
path = "/tls"
upstream = "127.0.0.1:3004"
upstream_protocol = "http1"
upstream_ca_path = "DIR/b.pem"
upstream_server_name = "a.example"
upstream_client_cert_path = "DIR/a.pem"
upstream_client_key_path = "DIR/a.key"
[[listeners]]
bind_addr = "127.0.0.2"
[listeners.tls]
mode = "manual"
cert_path = "DIR/a.pem"
key_path = "DIR/a.key"
[[listeners.tls.certificates]]
cert_path = "DIR/b.pem"
key_path = "DIR/b.key"
`

// EveryExpectKey is an entry to append to EveryKey that has every key of its table. It depends on the hosts and the
// listeners, which many tests edit.
const EveryExpectKey = `[[expect]]
request = "GET https://a.example/"
from = "192.0.2.1"
listener = "127.0.0.1:443"
route = ""
upstream = "127.0.0.1:3000"
status = 200
location = "https://b.example/"
site = "a.example"
client_ip = "192.0.2.1"
`
