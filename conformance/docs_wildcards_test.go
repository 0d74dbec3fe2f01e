package conformance_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"reverse-proxy/conformance/namedtest"
	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/config"
)

// TestTheRecordsOfTheDocumentLeadToTheResponder gives the records of docs/wildcards.md to the responder of the configuration
// there, with and without its `dns_host`.
func TestTheRecordsOfTheDocumentLeadToTheResponder(t *testing.T) {
	var records []dns.RR
	for _, block := range blocks(t, "wildcards.md", "zone") {
		for line := range strings.Lines(block) {
			rr, err := dns.NewRR(line)
			if err != nil || rr == nil {
				t.Fatalf("%q is not a record: %v", line, err)
			}
			records = append(records, rr)
		}
	}
	text := configurations(documents(t)["wildcards.md"])[0]
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(strings.Replace(text, `mode = "acme"`, "mode = \"acme\"\nacme_cache_dir = \""+t.TempDir()+"\"", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, false)
	if err != nil {
		t.Fatal(err)
	}
	tls := cfg.Listeners[0].TLS
	led := 0
	for _, rr := range records {
		// The trace is that of a resolver which follows the record.
		name := rr.Header().Name
		if !strings.HasPrefix(name, "_acme-challenge.") {
			continue
		}
		trace, host := &acmedns.Trace{Name: name, Target: name, Zone: name}, ""
		switch rr := rr.(type) {
		case *dns.CNAME:
			host = tls.ACMEDNS.Host
			trace.Target, trace.Zone = rr.Target, "_acme-challenge."+dns.Fqdn(host)
		case *dns.NS:
			if strings.TrimPrefix(name, "_acme-challenge.") != rr.Ns {
				t.Errorf("%s: the name server is %s, want the name after _acme-challenge.", name, rr.Ns)
			}
			if rr.Ns == dns.Fqdn(tls.ACMEDNS.Host) {
				host = tls.ACMEDNS.Host
			}
		}
		responder := acmedns.NewRecords(host)
		responder.SetNames(t, tls.ACMEDomains)
		if err := responder.Missing(trace); err != nil {
			t.Errorf("%s: %v", rr, err)
		}
		led++
	}
	if led != 3 {
		t.Errorf("got %d records for challenges, want 3", led)
	}
}

// TestTheNameServerOfTheDocumentTakesUpdates starts BIND with the key and the zone of docs/wildcards.md.
func TestTheNameServerOfTheDocumentTakesUpdates(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("what tsig-keygen would have made here"))
	address := namedtest.ForTest(t, namedtest.Options{Zone: "example.com", Host: "127.0.0.1",
		Statements: strings.NewReplacer("…", secret, "/var/lib/bind/example.com.zone", "zone").Replace(blocks(t, "wildcards.md", "named")[0])})
	u := &acmedns.Updater{Server: address, KeyName: "edge", Algorithm: "hmac-sha256",
		Secret: func(context.Context) (string, error) { return secret, nil }}
	if err := u.Present(t.Context(), "_acme-challenge.apps.example.com.", "text"); err != nil {
		t.Error(err)
	}
	if err := u.CleanUp(t.Context(), "_acme-challenge.apps.example.com.", "text"); err != nil {
		t.Error(err)
	}
	if err := u.Present(t.Context(), "_acme-challenge.example.com.", "text"); err == nil || !strings.Contains(err.Error(), "REFUSED") {
		t.Errorf("got %v for another name, want it refused", err)
	}
}
