package config

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// dnsText returns a file whose listener orders certificates for a wildcard, with more keys in `[acme]` and in the
// listener's `tls` table.
func dnsText(file, listener string) string {
	return "[acme]\ncontact = \"mailto:file@example.com\"\ncache_dir = \"DIR/cache\"\n" + file + "\n" +
		strings.NewReplacer(`mode = "self_signed"`, "mode = \"acme\"\n"+listener, `host = "a.example"`, `host = "*.a.example"`).Replace(configtest.Minimal)
}

func TestDNS01IsInheritedKeyByKey(t *testing.T) {
	dir := configtest.CertificateDir(t)
	const update = `dns = "rfc2136"
dns_server = "ns.example.com:53"
dns_key_name = "Edge."
dns_key_file = "DIR/a.key"`
	updates := DNS01{Method: DNSUpdate, Server: "ns.example.com:53", KeyName: "edge", KeyAlgorithm: "hmac-sha256", KeyFile: dir + "/a.key"}
	ownZone := updates
	ownZone.Zone, ownZone.KeyAlgorithm = "example.com", "hmac-sha512"
	for name, tc := range map[string]struct {
		file, listener string
		want           DNS01
	}{
		"a listener that sets nothing has all from the file":          {update, "", updates},
		"a listener that sets some keys has the others from the file": {update, "acme_dns_zone = \"example.com.\"\nacme_dns_key_algorithm = \"hmac-sha512\"", ownZone},
		"a listener with another method has nothing from the file":    {update, "acme_dns = \"responder\"\nacme_dns_bind = \"[::1]:5300\"", DNS01{Method: DNSResponder, Bind: "[::1]:5300"}},
		"a listener needs nothing from the file":                      {"", "acme_dns = \"responder\"\nacme_dns_bind = \"127.0.0.1:53\"\nacme_dns_host = \"Edge.example.net\"", DNS01{Method: DNSResponder, Bind: "127.0.0.1:53", Host: "edge.example.net"}},
		"the keys of the file and of the listener come together":      {`dns_present_url = "http://127.0.0.1/p"`, "acme_dns = \"webhook\"\nacme_dns_cleanup_url = \"https://127.0.0.1/c\"\nacme_dns_header_file = \"DIR/a.key\"", DNS01{Method: DNSWebhook, PresentURL: "http://127.0.0.1/p", CleanUpURL: "https://127.0.0.1/c", HeaderFile: dir + "/a.key"}},
		"only the keys of the method are read":                        {"dns = \"responder\"\ndns_bind = \"127.0.0.1:53\"\ndns_server = \"nonsense\"", "", DNS01{Method: DNSResponder, Bind: "127.0.0.1:53"}},
	} {
		cfg, err := parseText(dir, dnsText(tc.file, tc.listener))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, cfg.Listeners[0].TLS.ACMEDNS); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"*.a.example"}, cfg.Listeners[0].TLS.ACMEDomains); diff != "" {
			t.Errorf("%s: the names differ (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatDNS01Needs(t *testing.T) {
	dir := configtest.CertificateDir(t)
	for name, tc := range map[string]struct {
		file, listener string
		want           []string // parts of the errors
	}{
		"a wildcard needs a method":                          {"", "", []string{`listeners[0].sites[0].host: "*.a.example" is a wildcard, whose certificate needs DNS-01; set dns = "responder"`}},
		"the method must be a known one":                     {`dns = "route53"`, "", []string{`acme.dns: "route53" is not a way`}},
		"a responder needs an address":                       {`dns = "responder"`, "", []string{"acme.dns_bind: missing"}},
		"a listener's responder needs an address of its own": {"", `acme_dns = "responder"`, []string{"listeners[0].tls.acme_dns_bind: missing"}},
		"the responder's address needs a port":               {"dns = \"responder\"\ndns_bind = \"127.0.0.1\"", "", []string{"acme.dns_bind: \"127.0.0.1\" is not an address with a port"}},
		"the responder's address must not be a name":         {"dns = \"responder\"\ndns_bind = \"localhost:53\"", "", []string{"acme.dns_bind"}},
		"the responder's address must not be a wildcard":     {"dns = \"responder\"\ndns_bind = \"0.0.0.0:53\"", "", []string{"acme.dns_bind: \"0.0.0.0:53\" is a wildcard"}},
		"the responder's host must be a name":                {"dns = \"responder\"\ndns_bind = \"127.0.0.1:53\"\ndns_host = \"a b\"", "", []string{`acme.dns_host: "a b" is not a name`}},
		"updates need a server and a key":                    {`dns = "rfc2136"`, "", []string{"acme.dns_key_file: missing", "acme.dns_key_name: missing", "acme.dns_server: missing"}},
		"the server needs a port":                            {"dns = \"rfc2136\"\ndns_server = \"::1\"\ndns_key_name = \"k\"\ndns_key_file = \"DIR/a.key\"", "", []string{`acme.dns_server: "::1" has no valid port`}},
		"the key's file must exist":                          {"dns = \"rfc2136\"\ndns_server = \"[::1]:53\"\ndns_key_name = \"k\"\ndns_key_file = \"DIR/none.key\"", "", []string{"acme.dns_key_file"}},
		"the key's algorithm must be a known one":            {"dns = \"rfc2136\"\ndns_server = \"[::1]:53\"\ndns_key_name = \"k\"\ndns_key_file = \"DIR/a.key\"\ndns_key_algorithm = \"hmac-md5\"", "", []string{`acme.dns_key_algorithm: "hmac-md5" is not`}},
		"a webhook needs two URLs":                           {`dns = "webhook"`, "", []string{"acme.dns_cleanup_url: missing", "acme.dns_present_url: missing"}},
		"a webhook's URLs must be of HTTP, without a user":   {"dns = \"webhook\"\ndns_present_url = \"ftp://x/\"\ndns_cleanup_url = \"http://user:pass@x/\"", "", []string{`acme.dns_cleanup_url: "http://user:xxxxx@x/" holds a user`, `acme.dns_present_url: "ftp://x/" is not a URL`}},
	} {
		_, err := parseText(dir, dnsText(tc.file, tc.listener))
		var lines []string
		if err != nil {
			lines = ErrorLines(err)
		}
		if len(lines) < len(tc.want) {
			t.Errorf("%s: got %q, want %q", name, lines, tc.want)
			continue
		}
		all := withoutPlaces(lines...)
		for _, want := range tc.want {
			if !strings.Contains(all, want) {
				t.Errorf("%s: got %q, want %q", name, lines, want)
			}
		}
	}
}

func TestListenersThatShareACacheShareDNS01(t *testing.T) {
	dir := configtest.CertificateDir(t)
	mode := func(listener, keys string) string { return strings.Replace(listener, `mode = "self_signed"`, keys, 1) }
	text := acmeTable + mode(configtest.Minimal, `mode = "acme"`) + mode(configtest.SecondListener, "mode = \"acme\"\nacme_dns = \"responder\"\nacme_dns_bind = \"127.0.0.1:53\"")
	_, err := parseText(dir, text)
	if err == nil || !strings.Contains(withoutPlaces(err.Error()), "listeners[1].tls.acme_dns: differs from listeners[0].tls.acme_dns") {
		t.Errorf("got %v, want the two to be the same", err)
	}
}

func TestAResponderHasOneHost(t *testing.T) {
	dir := configtest.CertificateDir(t)
	mode := func(listener, keys string) string { return strings.Replace(listener, `mode = "self_signed"`, keys, 1) }
	responder := "mode = \"acme\"\nacme_dns = \"responder\"\nacme_dns_bind = \"127.0.0.1:53\"\nacme_dns_host = "
	text := acmeTable + mode(configtest.Minimal, responder+`"a.example"`) + mode(configtest.SecondListener, responder+"\"b.example\"\nacme_cache_dir = \"DIR/own\"")
	_, err := parseText(dir, text)
	if err == nil || !strings.Contains(withoutPlaces(err.Error()), `listeners[1].tls.acme_dns_host: "b.example" differs from "a.example" of listeners[0]`) {
		t.Errorf("got %v, want one host for one address", err)
	}
}

// withoutPlaces joins the lines of errors, and removes the line numbers of the file.
func withoutPlaces(lines ...string) string {
	return regexp.MustCompile(` \(line [^)]*\)`).ReplaceAllString(strings.Join(lines, "\n"), "")
}
