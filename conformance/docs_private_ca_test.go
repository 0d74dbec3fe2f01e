package conformance_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheExampleOfAPrivateCA runs the configuration of docs/operations.md in front of an upstream with a certificate of
// a private CA. The upstream serves only clients with the proxy's certificate.
func TestTheExampleOfAPrivateCA(t *testing.T) {
	needPrograms(t, "curl", "openssl", "ip")
	example := configurationWith(t, "operations.md", "upstream_ca_path")
	m := bareMachine(t, buildDaemon(t))
	m.readyFor(example)
	if out, code := m.run("ip address replace 10.0.0.5 dev lo"); code != 0 {
		t.Fatalf("cannot give the machine the upstream's address: %s", out)
	}
	m.configure(example)
	m.mutualUpstream("10.0.0.5:8006", "internal-ca", "proxy")
	m.start()
	defer m.stop()
	const ask = "curl -sk -w '%{http_code}' --resolve pve.example.com:443:203.0.113.10 https://pve.example.com/"
	if out, _ := m.run(ask); out != "shown to CN=proxy.internal 200" {
		t.Errorf("got %q, want the upstream's answer to the proxy's certificate", out)
	}
	for _, line := range []string{"upstream_ca_path", "upstream_server_name", "upstream_client_cert_path"} {
		broken := strings.ReplaceAll(example, "\n"+line, "\n# "+line)
		if line == "upstream_client_cert_path" {
			broken = strings.ReplaceAll(broken, "\nupstream_client_key_path", "\n# upstream_client_key_path")
		}
		m.configure(broken)
		m.await("reverse-proxy reload")
		if out, _ := m.run(ask); out != "Bad Gateway502" {
			t.Errorf("without %s: got %q, want a 502", line, out)
		}
	}
}

// mutualUpstream serves HTTPS with one of the machine's certificates, to clients that present the other one, and
// answers with the name in it.
func (m *machine) mutualUpstream(address, own, client string) {
	m.t.Helper()
	dir := filepath.Join(m.dir, "etc/reverse-proxy")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, own+".pem"), filepath.Join(dir, own+".key"))
	if err != nil {
		m.t.Fatal(err)
	}
	trusted, err := os.ReadFile(filepath.Join(dir, client+".pem"))
	if err != nil {
		m.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trusted) {
		m.t.Fatal("the proxy's certificate is not valid PEM")
	}
	var listener net.Listener
	if err := m.network.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "shown to %s ", r.TLS.PeerCertificates[0].Subject)
	})}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(tls.NewListener(listener, &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		})) // returns after Close, which is not an error
		close(served)
	}()
	m.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
}
