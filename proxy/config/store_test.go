package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// storeText returns a file with the lines in `[acme]`.
func storeText(lines string) string { return "[acme]\n" + lines + "\n" + configtest.Minimal }

func TestTheStoreIsReadFromItsURL(t *testing.T) {
	dir := configtest.CertificateDir(t)
	key := filepath.Join(dir, "store.key")
	for url, want := range map[string]Store{
		"redis://10.0.0.9":                  {Address: "10.0.0.9:6379", KeyFile: key},
		"redis://10.0.0.9/":                 {Address: "10.0.0.9:6379", KeyFile: key},
		"redis://store:6380/3":              {Address: "store:6380", Database: 3, KeyFile: key},
		"redis://[2001:db8::1]:6379/0":      {Address: "[2001:db8::1]:6379", KeyFile: key},
		"rediss://u:p%20q@store.example/15": {Address: "store.example:6379", TLS: true, Username: "u", Password: "p q", Database: 15, KeyFile: key},
		"redis://:p@store.example":          {Address: "store.example:6379", Password: "p", KeyFile: key},
	} {
		cfg, err := parseText(dir, storeText(fmt.Sprintf("store = %q\nstore_key_file = \"store.key\"", url)))
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(want, cfg.Store); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
		if text := cfg.Store.String(); strings.Contains(text, "p%20q") || strings.Contains(text, ":p@") {
			t.Errorf("%s: got %s, want no password in it", url, text)
		}
	}
}

// TestTheStoreNeedsOneLine leaves out the path of the key, which is then expected beside the configuration file.
func TestTheStoreNeedsOneLine(t *testing.T) {
	dir := configtest.CertificateDir(t)
	text := storeText(`store = "redis://10.0.0.9"`)
	cfg, err := parseText(dir, text)
	if want := filepath.Join(dir, "store.key"); err != nil || cfg.Store.KeyFile != want {
		t.Errorf("got %+v, %v, want the key in %s", cfg, err, want)
	}
	if err := os.Remove(filepath.Join(dir, "store.key")); err != nil {
		t.Fatal(err)
	}
	_, err = parseText(dir, text)
	const want = "no such file; create it or correct the path; copy the key of the other machines there, or make one with `openssl rand -base64 32`"
	if got := strings.Join(ErrorLines(err), "\n"); !strings.HasPrefix(got, "acme.store_key_file") || !strings.Contains(got, want) {
		t.Errorf("got %q, want acme.store_key_file: … %s", got, want)
	}
}

func TestAMistakeInTheStoreIsNamedWithoutItsPassword(t *testing.T) {
	dir := configtest.CertificateDir(t)
	configtest.WriteFile(t, dir, "short.key", strings.Repeat("x", 31)+"\n\n")
	configtest.WriteFile(t, dir, "open.key", strings.Repeat("x", 32))
	if err := os.Chmod(filepath.Join(dir, "open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	const good = `store = "redis://store.example"` + "\n"
	const key = `store_key_file = "store.key"` + "\n"
	line := regexp.MustCompile(` \(line \d+\)`)
	for lines, want := range map[string]string{
		good + `store_key_file = ""`:                          "acme.store_key_file: is empty",
		key:                                                   "acme.store: missing",
		good + `store_key_file = "none"`:                      "acme.store_key_file: ",
		good + `store_key_file = "short.key"`:                 "holds 31 bytes, and at least 32",
		good + `store_key_file = "open.key"`:                  "can be read by every user",
		key + `store = "http://store.example"`:                "acme.store: is not the URL",
		key + `store = "redis:store"`:                         "acme.store: is not the URL",
		key + `store = "redis://u:hidden@store.example/x"`:    `"x" is not the number of a database`,
		key + `store = "redis://u:hidden@store.example/-1"`:   `"-1" is not the number`,
		key + `store = "redis://u:hidden@store.example:0"`:    "is not the address of a server",
		key + `store = "redis://u:hidden@/0"`:                 "is not the address of a server",
		key + `store = "redis://u:hidden@st ore/0"`:           "acme.store: is not the URL",
		key + `store = "redis://u:hidden@store.example?db=1"`: "acme.store: is not the URL",
		key + good + `store_ca_path = "a.pem"`:                "acme.store_ca_path: has no meaning without TLS",
		key + good + `store_password_file = "none"`:           "acme.store_password_file: ",
		key + `store = "redis://:hidden@store.example"` + "\n" + `store_password_file = "store.password"`: "leave one of them out",
	} {
		_, err := parseText(dir, storeText(lines))
		text := line.ReplaceAllString(strings.Join(ErrorLines(err), "\n"), "")
		if err == nil || !strings.Contains(text, want) || strings.Contains(text, "hidden") {
			t.Errorf("%s: got %q, want %q and no password", lines, text, want)
		}
	}
}

func TestAnotherPasswordOfTheStoreIsADriftThatDoesNotShowIt(t *testing.T) {
	dir := configtest.CertificateDir(t)
	load := func(password string) *Config {
		cfg, err := parseText(dir, storeText(fmt.Sprintf("store = \"redis://:%s@store.example\"\nstore_key_file = \"store.key\"", password)))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	want := []Drift{{"acme.store", "redis://store.example:6379/0", "redis://store.example:6379/0 with another password"}}
	if diff := cmp.Diff(want, load("hidden1").Drift(load("hidden2"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTheSecretsOfTheStoreAreReadWithoutWhatEditorsAdd(t *testing.T) {
	dir := configtest.CertificateDir(t)
	s := Store{KeyFile: filepath.Join(dir, "store.key"), PasswordFile: filepath.Join(dir, "store.password"), CAPath: filepath.Join(dir, "a.pem")}
	if key, err := s.ReadKey(); err != nil || len(key) != 32 {
		t.Errorf("got a key of %d bytes, %v, want 32", len(key), err)
	}
	if password, err := s.ReadPassword(); err != nil || password != "secret" {
		t.Errorf("got the password %q, %v", password, err)
	}
	if roots, err := s.Roots(); err != nil || roots == nil {
		t.Errorf("got the roots %v, %v", roots, err)
	}
	if password, err := (Store{Password: "p"}).ReadPassword(); err != nil || password != "p" {
		t.Errorf("got the password %q, %v", password, err)
	}
	if roots, err := (Store{}).Roots(); err != nil || roots != nil {
		t.Errorf("got the roots %v, %v, want the system's", roots, err)
	}
}
