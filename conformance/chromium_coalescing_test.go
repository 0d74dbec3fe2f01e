package conformance_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// coalescingConfig has a site that asks for certificates and one that does not, on one address with one certificate.
const coalescingConfig = `admin_socket_path = ""
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 0
https_port = %[1]d
[listeners.tls]
mode = "manual"
cert_path = %[2]q
key_path = %[3]q
[[listeners.sites]]
host = "open.example.test"
upstream = %[4]q
[[listeners.sites]]
host = "asks.example.test"
upstream = %[4]q
client_ca_path = %[2]q
client_cert = "optional"
`

// coalescingPage loads an image of the other site, and says what has become of it.
const coalescingPage = `<!doctype html><title>a</title><link rel=icon href='data:,'><p id=result>not loaded</p>
<img src='https://asks.example.test:%d/image/1.png' onload="this.previousElementSibling.textContent = 'loaded'"
	onerror="this.previousElementSibling.textContent = 'failed'">`

var siteRequest = regexp.MustCompile(`(?m)^\S+ INFO REQUEST .*\bhost=(\S+\.example\.test) method=GET path=(\S+) status=(\d+) `)

// TestChromiumMakesANewConnectionForASiteThatAsksForCertificates tests S-16.4 with a browser. Over HTTP/2 the browser
// uses one connection for all hosts of the certificate at the same address. It is therefore answered 421 for the site
// that requires certificates, and loads the image over a new connection.
func TestChromiumMakesANewConnectionForASiteThatAsksForCertificates(t *testing.T) {
	chromium := needProgram(t, "chromium", "chromium")
	needPrograms(t, "openssl")
	dir, port := t.TempDir(), sharedPort(t)
	certificate, key := filepath.Join(dir, "site.pem"), filepath.Join(dir, "site.key")
	output(t, dir, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=a",
		"-addext", "subjectAltName=DNS:open.example.test,DNS:asks.example.test", "-keyout", key, "-out", certificate)
	upstream := startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/coalesced" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, coalescingPage, port)
			return
		}
		imagePage(w, r)
	}))
	log := startBinary(t, fmt.Sprintf(coalescingConfig, port, certificate, key, upstream))
	awaitAnswer(t, fmt.Sprintf("https://127.0.0.1:%d/", port), log)
	dom := chromiumDOM(t, chromium, fmt.Sprintf("https://open.example.test:%d/coalesced", port),
		"--host-resolver-rules=MAP *.example.test 127.0.0.1, MAP * ~NOTFOUND", "--ignore-certificate-errors-spki-list="+keyHash(t, certificate))
	if result := chromiumResult.FindStringSubmatch(dom); result == nil || result[1] != "loaded" {
		t.Errorf("got the document\n%s\nwant one that says loaded", dom)
	}
	want := []string{"open.example.test /coalesced 200", "asks.example.test /image/1.png 421", "asks.example.test /image/1.png 200"}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range siteRequest.FindAllStringSubmatch(string(text), -1) {
			got = append(got, strings.Join(line[1:], " "))
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got the requests %q, want %q:\n%s", got, want, text)
		}
	}
}

// keyHash returns the hash of the key in a certificate. Chromium can be told to accept certificates with that key
// without an error. It does not use a connection for several hosts if its certificate has an error.
func keyHash(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(hash[:])
}
