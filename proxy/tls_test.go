package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/cert/certtest"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/eventlog"
)

// testCertificate returns a self-signed certificate for names.
func testCertificate(t testing.TB, names ...string) *tls.Certificate {
	t.Helper()
	certificate, err := cert.MakeSelfSigned(names, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestCertTableFindsTheCertificate(t *testing.T) {
	one, wild, other := testCertificate(t, "A.example", "b.example"), testCertificate(t, "*.w.example"), testCertificate(t, "x.w.example")
	table := cert.NewTable([]*tls.Certificate{one, wild, other})
	for _, test := range []struct {
		name, server string
		want         *tls.Certificate
	}{
		{"an exact name finds it", "a.example", one},
		{"an upper-case name finds it", "B.EXAMPLE", one},
		{"a name with the root's dot finds it", "b.example.", one},
		{"a wildcard finds it", "y.w.example", wild},
		{"an exact name goes before a wildcard", "x.w.example", other},
		{"a wildcard covers exactly one label", "z.y.w.example", nil},
		{"a wildcard does not cover its own domain", "w.example", nil},
		{"an unknown name gets none", "c.example", nil},
		{"no name gets none of several certificates", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := table.Find(&tls.ClientHelloInfo{ServerName: test.server}); got != test.want {
				t.Errorf("find(%q): got %v, want %v", test.server, got, test.want)
			}
		})
	}
	if got := cert.NewTable([]*tls.Certificate{one}).Find(&tls.ClientHelloInfo{}); got != one {
		t.Error("without a server name: got no certificate, want the only one")
	}
	for name, test := range map[string]struct {
		certificates []*tls.Certificate
		want         bool
	}{
		"two certificates have the same names":  {[]*tls.Certificate{testCertificate(t, "a.example", "*.b.example"), testCertificate(t, "*.B.example", "A.example", "a.example")}, true},
		"one certificate has a name more":       {[]*tls.Certificate{one, testCertificate(t, "a.example", "b.example", "c.example")}, false},
		"two certificates have different names": {[]*tls.Certificate{one, wild}, false},
		"no certificate is given":               {nil, false},
	} {
		if got := cert.NewTable(test.certificates).Find(&tls.ClientHelloInfo{}); (got != nil) != test.want {
			t.Errorf("%s, and a client without a server name: got a certificate: %v, want %v", name, got != nil, test.want)
		}
	}
}

// handshake runs one TLS handshake against a listener's configuration and returns the client's view of it.
func handshake(t *testing.T, source cert.Source, g *gate, client *tls.Config) (tls.ConnectionState, string, error) {
	t.Helper()
	log := new(syncBuffer)
	logger, err := eventlog.New(eventlog.Options{Format: eventlog.FormatText}, log)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	config := listenerTLSConfig(source, g, logger)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		ctx, cancel := context.WithTimeout(t.Context(), g.patience)
		defer cancel()
		_ = tls.Server(conn, config).HandshakeContext(ctx)
	}()
	client.InsecureSkipVerify = true
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", ln.Addr().String(), client)
	var state tls.ConnectionState
	if err == nil {
		state = conn.ConnectionState()
		_ = conn.Close()
	}
	<-ended
	if err := logger.Close(); err != nil {
		t.Fatal(err)
	}
	return state, log.String(), err
}

// tableSource serves a table.
type tableSource struct{ certtest.Given }

func newTableSource(certificates ...*tls.Certificate) *tableSource {
	s := &tableSource{}
	s.Use(cert.NewTable(certificates))
	return s
}

func openGate() *gate {
	g := newGate(patience)
	g.open()
	return g
}

func TestHandshakes(t *testing.T) {
	two := newTableSource(testCertificate(t, "a.example"), testCertificate(t, "b.example"))
	one := newTableSource(testCertificate(t, "a.example"))
	const unrecognizedName = tls.AlertError(112)
	for _, test := range []struct {
		name   string
		source cert.Source
		client *tls.Config
		alert  error
		log    string
	}{
		{"a covered name is served in TLS 1.3", two, &tls.Config{ServerName: "b.example"}, nil, ""},
		{"a covered name is served in TLS 1.2", two, &tls.Config{ServerName: "b.example", MaxVersion: tls.VersionTLS12}, nil, ""},
		{"TLS 1.1 is refused", two, &tls.Config{ServerName: "b.example", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, tls.AlertError(70), ""},
		{"a suite without forward secrecy is refused", two, &tls.Config{ServerName: "b.example", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, tls.AlertError(40), ""},
		{"ChaCha20 is not among the suites of TLS 1.2", two, &tls.Config{ServerName: "b.example", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, tls.AlertError(40), ""},
		{"a name that no certificate covers is refused", two, &tls.Config{ServerName: "c.example"}, unrecognizedName, `TLS_REFUSED client_ip=127.0.0.1 server_name=c.example error="no certificate covers this name"`},
		{"a name that no certificate covers is refused in TLS 1.2", two, &tls.Config{ServerName: "c.example", MaxVersion: tls.VersionTLS12}, unrecognizedName, "TLS_REFUSED"},
		{"no name is refused with two certificates", two, &tls.Config{}, unrecognizedName, `TLS_REFUSED client_ip=127.0.0.1 server_name="" error=`},
		{"no name is served with one certificate", one, &tls.Config{}, nil, ""},
		{"acme-tls/1 is not spoken outside of ACME mode", one, &tls.Config{ServerName: "a.example", NextProtos: []string{"acme-tls/1"}}, tls.AlertError(120), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, log, err := handshake(t, test.source, openGate(), test.client)
			if test.alert == nil && err != nil || test.alert != nil && (err == nil || err.Error() != "remote error: "+test.alert.Error()) {
				t.Errorf("got %v, want the alert %v", err, test.alert) // crypto/tls has no exported type for a received alert
			}
			if test.log == "" && log != "" || !strings.Contains(log, test.log) {
				t.Errorf("log: got %q, want %q", log, test.log)
			}
		})
	}
}

func TestTheProtocolIsNegotiated(t *testing.T) {
	source := newTableSource(testCertificate(t, "a.example"))
	for _, test := range []struct {
		offered []string
		want    string
	}{{[]string{"h2", "http/1.1"}, "h2"}, {[]string{"http/1.1"}, "http/1.1"}, {nil, ""}} {
		state, _, err := handshake(t, source, openGate(), &tls.Config{ServerName: "a.example", NextProtos: test.offered})
		if err != nil || state.NegotiatedProtocol != test.want {
			t.Errorf("offered %v: got %q, %v, want %q", test.offered, state.NegotiatedProtocol, err, test.want)
		}
	}
}

func TestAClosedGateHoldsAHandshakeAndThenLetsItGo(t *testing.T) {
	source := newTableSource(testCertificate(t, "a.example"))
	if _, _, err := handshake(t, source, newGate(50*time.Millisecond), &tls.Config{ServerName: "a.example"}); err == nil {
		t.Error("a handshake was completed while the gate was closed")
	}
	g := newGate(patience)
	time.AfterFunc(50*time.Millisecond, g.open)
	if _, _, err := handshake(t, source, g, &tls.Config{ServerName: "a.example"}); err != nil {
		t.Errorf("a handshake that waited for the gate: %v", err)
	}
}

// writePair writes a certificate and its key into dir.
func writePair(t *testing.T, dir, name string, certificate *tls.Certificate) config.CertificateFiles {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	// Key and chain are in one file, which serves as both.
	pair := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	pair = append(pair, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})...)
	path := configtest.WriteFile(t, dir, name, string(pair))
	return config.CertificateFiles{CertPath: path, KeyPath: path}
}

func TestManualCertificatesAreReloadedAsOne(t *testing.T) {
	dir := t.TempDir()
	files := []config.CertificateFiles{writePair(t, dir, "one", testCertificate(t, "a.example")), writePair(t, dir, "two", testCertificate(t, "b.example"))}
	source, err := cert.NewManual("listeners[0].tls", "127.0.0.1:443", files)
	if err != nil {
		t.Fatal(err)
	}
	before := source.Certificate(&tls.ClientHelloInfo{ServerName: "a.example"})
	if before == nil || len(source.Certificates()) != 2 {
		t.Fatalf("got %v of %d certificates", before, len(source.Certificates()))
	}
	writePair(t, dir, "one", testCertificate(t, "c.example"))
	if err := os.WriteFile(files[1].CertPath, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = source.Prepare(nil)
	if err == nil || !strings.HasPrefix(err.Error(), "listeners[0].tls.certificates[0].cert_path: \""+files[1].CertPath) {
		t.Errorf("got %v, want the key and the file of the bad pair", err)
	}
	writePair(t, dir, "two", testCertificate(t, "b.example"))
	prepared, err := source.Prepare(nil)
	if err != nil {
		t.Fatal(err)
	}
	if source.Certificate(&tls.ClientHelloInfo{ServerName: "a.example"}) != before {
		t.Error("the certificates changed before the reload was through")
	}
	prepared.Commit()
	if source.Certificate(&tls.ClientHelloInfo{ServerName: "a.example"}) != nil ||
		source.Certificate(&tls.ClientHelloInfo{ServerName: "c.example"}) == nil {
		t.Error("the new certificates are not in use")
	}
}

func TestAnExpiredManualCertificateRefusesTheReload(t *testing.T) {
	dir := t.TempDir()
	configtest.WritePair(t, dir, "old", time.Now().Add(-time.Hour))
	_, err := cert.NewManual("listeners[2].tls", "127.0.0.1:443", []config.CertificateFiles{
		{CertPath: filepath.Join(dir, "old.pem"), KeyPath: filepath.Join(dir, "old.key")}})
	if err == nil || !strings.Contains(err.Error(), "listeners[2].tls.cert_path: ") || !strings.Contains(err.Error(), "expired at ") {
		t.Errorf("got %v, want the key and that it expired", err)
	}
}

func TestASelfSignedCertificateStaysWhileTheNamesDo(t *testing.T) {
	source, err := cert.NewSelfSigned("127.0.0.1:443", []string{"b.example", "a.example"})
	if err != nil {
		t.Fatal(err)
	}
	hello := &tls.ClientHelloInfo{ServerName: "a.example"}
	first := source.Certificate(hello)
	for _, step := range []struct {
		names []string
		same  bool
	}{{[]string{"a.example", "b.example"}, true}, {[]string{"a.example", "c.example"}, false}} {
		prepared, err := source.Prepare(step.names)
		if err != nil {
			t.Fatal(err)
		}
		prepared.Commit()
		if same := source.Certificate(hello) == first; same != step.same {
			t.Errorf("names %v: the same certificate: %v, want %v", step.names, same, step.same)
		}
	}
}
