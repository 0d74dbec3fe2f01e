package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

const acmeTable = `[acme]
contact = "mailto:file@example.com"
cache_dir = "DIR/cache"
directory = "staging"
profile = "shortlived"
eab_key_id = "kid-1"
eab_key_file = "DIR/a.key"
start = "available"
start_timeout_secs = 60

`

// acmeTableText returns a file with `[acme]` and two listeners, the second of which sets some of the keys itself.
func acmeTableText() string {
	mode := func(listener, keys string) string { return strings.Replace(listener, `mode = "self_signed"`, keys, 1) }
	return acmeTable + mode(configtest.Minimal, `mode = "acme"`) + mode(configtest.SecondListener, `mode = "acme"
acme_cache_dir = "DIR/own"
acme_contact = "mailto:own@example.com"
acme_start = "all"`)
}

func TestWhatTheFileSaysAboutACMEHoldsForItsListeners(t *testing.T) {
	dir := configtest.CertificateDir(t)
	cfg, err := parseText(dir, acmeTableText())
	if err != nil {
		t.Fatal(err)
	}
	first := TLS{Mode: TLSModeACME, ACMEDomains: []string{"a.example"}, ACMECacheDir: dir + "/cache", ACMEContact: "mailto:file@example.com",
		ACMEDirectory: ACMEStagingURL, ACMEProfile: "shortlived", ACMEEABKeyID: "kid-1", ACMEEABKeyFile: dir + "/a.key",
		ACMEStart: ACMEStartAvailable, ACMEStartTimeout: time.Minute}
	second := first
	second.ACMEDomains, second.ACMECacheDir, second.ACMEContact, second.ACMEStart = []string{"b.example"}, dir+"/own", "mailto:own@example.com", ACMEStartAll
	if diff := cmp.Diff([]TLS{first, second}, []TLS{cfg.Listeners[0].TLS, cfg.Listeners[1].TLS}); diff != "" {
		t.Errorf("the listeners differ (-want +got):\n%s", diff)
	}
	next, err := parseText(dir, strings.Replace(acmeTableText(), "mailto:file@", "mailto:new@", 1))
	if err != nil {
		t.Fatal(err)
	}
	want := []Drift{{"listeners[0].tls.acme_contact", "mailto:file@example.com", "mailto:new@example.com"}}
	if diff := cmp.Diff(want, cfg.Drift(next)); diff != "" {
		t.Errorf("the drift differs (-want +got):\n%s", diff)
	}
}

func TestAMistakeInTheACMETableIsNamedThereOnce(t *testing.T) {
	dir := configtest.CertificateDir(t)
	_, err := parseText(dir, strings.NewReplacer("mailto:file@example.com", "file@example.com", `start = "available"`, `start = "some"`).Replace(acmeTableText()))
	if err == nil {
		t.Fatal("got no error")
	}
	var got []string
	for _, line := range ErrorLines(err) {
		key, _, _ := strings.Cut(line, " ")
		got = append(got, strings.TrimSuffix(key, ":"))
	}
	if diff := cmp.Diff([]string{"acme.contact", "acme.start"}, got); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}
