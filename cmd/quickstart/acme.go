package main

import (
	"fmt"
	"os"
	"path/filepath"

	"reverse-proxy/conformance/acmetest"
)

// acmeName is the site of `make acme`. Pebble resolves it, like every name, to 127.0.0.1.
const acmeName = "www.example.test"

// selfSignedTLS matches what acmeTLS replaces in the quick start's configuration.
const selfSignedTLS = "# A certificate made in memory .*\n# \"acme\" or \"manual\"\\.\n\\[listeners\\.tls\\]\nmode = \"self_signed\""

// acmeTLS is the table of a listener with certificates from a Pebble.
const acmeTLS = `# The CA is a Pebble on this machine, which no browser trusts. acme_ca_path has the root of its own HTTPS.
[listeners.tls]
mode = "acme"
acme_contact = "mailto:ops@example.test"
acme_cache_dir = %q
acme_directory = %q
acme_ca_path = %q`

// startPebble starts a Pebble that validates at the quick start's ports. dir holds its programs and files, and
// roots.pem, the root of the certificates that it issues.
func startPebble(dir string, chosen ports) (*acmetest.Pebble, error) {
	pebble, err := acmetest.StartPebble(acmetest.PebbleOptions{HTTPPort: chosen.http, TLSPort: chosen.https,
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

// useACME changes the quick start's configuration so that it gets its certificate from the Pebble.
func useACME(config, dir string, pebble *acmetest.Pebble) error {
	contents, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	text, err := replaceLines(string(contents), map[string]string{
		selfSignedTLS:        fmt.Sprintf(acmeTLS, filepath.Join(dir, "acme"), pebble.DirectoryURL, pebble.CAFile),
		`host = "localhost"`: fmt.Sprintf("host = %q", acmeName),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", config, err)
	}
	return os.WriteFile(config, []byte(text), 0o600)
}
