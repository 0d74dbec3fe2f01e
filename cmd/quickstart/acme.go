package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"reverse-proxy/conformance/acmetest"
)

// acmeName is the site of `make acme`. Pebble finds it, as every name, at 127.0.0.1.
const acmeName = "www.example.test"

// acmeTLS stands in place of the quick start's `mode = "self_signed"`.
const acmeTLS = `mode = "acme"
acme_domains = [%q]
acme_contact = "mailto:ops@example.test"
acme_cache_dir = %q
acme_directory = %q
acme_ca_path = %q`

// startPebble starts a Pebble that validates at the quick start's ports. Its programs and all that it needs are in dir,
// and so is the root of what it issues, as roots.pem.
func startPebble(dir string) (*acmetest.Pebble, error) {
	pebble, err := acmetest.StartPebble(acmetest.PebbleOptions{HTTPPort: 8080, TLSPort: 8443,
		BinDir: filepath.Join(dir, "pebble")})
	if err != nil {
		return nil, err
	}
	roots, err := pebble.RootsPEM()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "roots.pem"), roots, 0o600)
	}
	if err != nil {
		pebble.Stop()
		return nil, err
	}
	return pebble, nil
}

// useACME turns the quick start's configuration into one that gets its certificate from the Pebble.
func useACME(config, dir string, pebble *acmetest.Pebble) error {
	contents, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text := string(contents)
	for pattern, value := range map[string]string{
		`(?m)^mode = "self_signed"$`: fmt.Sprintf(acmeTLS, acmeName, filepath.Join(dir, "acme"), pebble.DirectoryURL, pebble.CAFile),
		`(?m)^host = "localhost"$`:   fmt.Sprintf("host = %q", acmeName),
	} {
		line := regexp.MustCompile(pattern)
		if !line.MatchString(text) {
			return fmt.Errorf("%s: no line %s to change", config, pattern)
		}
		text = line.ReplaceAllLiteralString(text, value)
	}
	return os.WriteFile(config, []byte(text), 0o600)
}

// acmeNextSteps is what a reader can try beside a Pebble.
const acmeNextSteps = `
The proxy serves https://www.example.test:8443/ with a certificate from the Pebble at %s. Try, in another terminal:

  curl --cacert %s --resolve www.example.test:8443:127.0.0.1 https://www.example.test:8443/
  ls -l %s                        the account's key and the certificate
  %s status --config %s
  ${EDITOR:-vi} %s        then reload

Ctrl-C stops everything.

`
