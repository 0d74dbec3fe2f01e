package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// testCA signs certificates of clients.
type testCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	// chain holds the certificates between a leaf and the root, without either.
	chain [][]byte
}

// newTestCA returns a CA with that name. It is signed by the other CA, or by itself if that is nil.
func newTestCA(t testing.TB, name string, by *testCA) *testCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &testCA{key: key}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if by != nil {
		ca.chain = append([][]byte{der}, by.chain...)
	}
	return ca
}

// issue returns a certificate for a client that is valid from and to that time from now.
func (ca *testCA) issue(t testing.TB, subject pkix.Name, from, to time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: subject, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: append([][]byte{der}, ca.chain...), PrivateKey: key}
}

// demandFor returns the demand of a site for certificates of the CA.
func demandFor(host string, ca *testCA, hash string, required bool) *clientDemand {
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return newClientDemand(&config.Site{Host: host, ClientCerts: &config.ClientCerts{Roots: roots, CAHash: hash, Required: required}})
}

// demands are the demands of a listener's sites, by host. A reload replaces them.
type demands struct {
	of atomic.Pointer[map[string]*clientDemand]
}

func (d *demands) use(of map[string]*clientDemand) { d.of.Store(&of) }
func (d *demands) find(name string) *clientDemand  { return (*d.of.Load())[name] }

// demandingServer is a server like sessionServer, whose sites have these demands. identities receives what the server
// knows of each client whose handshake has succeeded.
func demandingServer(t testing.TB, of *demands, hosts ...string) (address string, identities chan *clientIdentity) {
	t.Helper()
	source := newTableSource(testCertificate(t, hosts...))
	base := listenerTLSConfig(source, openGate(), eventlogtest.Open(t, eventlog.New, eventlog.Options{}, io.Discard))
	demandClientCerts(base, source, openGate(), of.find)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	identities = make(chan *clientIdentity, 1)
	ended := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			server := tls.Server(conn, base)
			if server.Handshake() == nil {
				var identity *clientIdentity
				if demand := of.find(server.ConnectionState().ServerName); demand != nil {
					identity = demand.identify(server.ConnectionState())
				}
				select {
				case identities <- identity:
				default:
				}
				_, _ = server.Write([]byte("x"))
			}
			_ = server.Close()
		}
	}()
	return ln.Addr().String(), identities
}

// shake makes a handshake with a certificate, or none, and reports whether a session was resumed.
func shake(t testing.TB, address, name string, version uint16, cache *oneSession, certificate *tls.Certificate) (resumed bool, err error) {
	t.Helper()
	settings := &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if certificate == nil {
				return new(tls.Certificate), nil
			}
			return certificate, nil
		}}
	if cache != nil {
		settings.ClientSessionCache = cache
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, settings)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return false, err
	}
	return conn.ConnectionState().DidResume, nil
}

// TestNoSessionResumesAcrossSitesThatDemandCertificates makes a session at each host and tries to resume it at each host, before
// and after a reload that changes the demand, with TLS 1.2 and 1.3 (S-16.4).
func TestNoSessionResumesAcrossSitesThatDemandCertificates(t *testing.T) {
	ca, other := newTestCA(t, "CA", nil), newTestCA(t, "other CA", nil)
	certificate := ca.issue(t, pkix.Name{CommonName: "ann"}, -time.Minute, time.Hour)
	hosts := []string{"plain.test", "a.test", "b.test", "optional.test"}
	before := func() map[string]*clientDemand {
		return map[string]*clientDemand{"a.test": demandFor("a.test", ca, "1", true), "b.test": demandFor("b.test", ca, "1", true), "optional.test": demandFor("optional.test", ca, "1", false)}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, reload := range []struct {
			name string
			next func() map[string]*clientDemand
			// keeps reports whether a host has the same demand after the reload, and refuses whether its clients fail then.
			keeps, refuses func(host string) bool
		}{
			{"nothing was reloaded", nil, func(string) bool { return true }, func(string) bool { return false }},
			{"a reload changes nothing", before, func(string) bool { return true }, func(string) bool { return false }},
			{"the CA is another one", func() map[string]*clientDemand {
				return map[string]*clientDemand{"a.test": demandFor("a.test", other, "2", true), "b.test": demandFor("b.test", other, "2", true), "optional.test": demandFor("optional.test", other, "2", false)}
			},
				func(host string) bool { return host == "plain.test" }, func(host string) bool { return host != "plain.test" }},
			{"no site demands certificates any more", func() map[string]*clientDemand { return map[string]*clientDemand{} }, func(host string) bool { return host == "plain.test" }, func(string) bool { return false }},
			{"the plain site demands certificates", func() map[string]*clientDemand {
				return map[string]*clientDemand{"plain.test": demandFor("plain.test", ca, "1", true), "a.test": demandFor("a.test", ca, "1", false), "b.test": before()["b.test"], "optional.test": before()["optional.test"]}
			},
				func(host string) bool { return host == "b.test" || host == "optional.test" }, func(string) bool { return false }},
		} {
			for _, first := range hosts {
				for _, second := range hosts {
					of := &demands{}
					of.use(before())
					address, _ := demandingServer(t, of, hosts...)
					cache := &oneSession{}
					if resumed, err := shake(t, address, first, version, cache, certificate); resumed || err != nil {
						t.Fatalf("%s: the first handshake: resumed %v, error %v", first, resumed, err)
					}
					if reload.next != nil {
						of.use(reload.next())
					}
					resumed, err := shake(t, address, second, version, cache, certificate)
					want := first == second && reload.keeps(first)
					if resumed != want || (err != nil) != reload.refuses(second) {
						t.Errorf("%s, %s, from %s to %s: got resumed %v and error %v, want %v and %v", tls.VersionName(version), reload.name, first, second, resumed, err, want, reload.refuses(second))
					}
				}
			}
		}
	}
}

func TestWhichCertificatesOfClientsAreAccepted(t *testing.T) {
	ca, other := newTestCA(t, "CA", nil), newTestCA(t, "CA", nil) // both have the same name
	long := newTestCA(t, "1", ca)
	for range 19 {
		long = newTestCA(t, "next", long)
	}
	ann := pkix.Name{CommonName: "ann", Organization: []string{"Example\r\nX-Evil: 1\u00e9"}}
	// sending returns a valid certificate that is sent with certificates that no chain needs, n in all.
	sending := func(n int) *tls.Certificate {
		sent := ca.issue(t, ann, -time.Minute, time.Hour)
		for len(sent.Certificate) < n {
			sent.Certificate = append(sent.Certificate, other.cert.Raw)
		}
		return sent
	}
	hosts := []string{"a.test", "optional.test"}
	of := &demands{}
	of.use(map[string]*clientDemand{"a.test": demandFor("a.test", ca, "1", true), "optional.test": demandFor("optional.test", ca, "1", false)})
	address, identities := demandingServer(t, of, hosts...)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range []struct {
			name               string
			certificate        *tls.Certificate
			required, optional bool
		}{
			{"a valid one is accepted", ca.issue(t, ann, -time.Minute, time.Hour), true, true},
			{"one of an intermediate CA is accepted", newTestCA(t, "intermediate", ca).issue(t, ann, -time.Minute, time.Hour), true, true},
			{"no certificate is accepted where it is optional", nil, false, true},
			{"an expired one is refused", ca.issue(t, ann, -time.Hour, -time.Minute), false, false},
			{"one that is not yet valid is refused", ca.issue(t, ann, time.Minute, time.Hour), false, false},
			{"one of another CA of the same name is refused", other.issue(t, ann, -time.Minute, time.Hour), false, false},
			{"a chain as long as allowed is accepted", sending(maxClientChain), true, true},
			{"a chain with one more is refused", sending(maxClientChain + 1), false, false},
			{"a chain of twenty is refused", long.issue(t, ann, -time.Minute, time.Hour), false, false},
			{"a subject that is too long is refused", ca.issue(t, pkix.Name{CommonName: strings.Repeat("x", maxSubjectBytes+1)}, -time.Minute, time.Hour), false, false},
		} {
			for _, host := range hosts {
				want := test.required && host == "a.test" || test.optional && host == "optional.test"
				_, err := shake(t, address, host, version, &oneSession{}, test.certificate)
				if (err == nil) != want {
					t.Errorf("%s, %s at %s: got the error %v, want success %v", tls.VersionName(version), test.name, host, err, want)
				}
				if err != nil {
					continue
				}
				identity := <-identities
				if test.certificate == nil {
					if identity.isVerified() {
						t.Errorf("%s: got the identity %+v without a certificate", host, identity)
					}
					continue
				}
				if identity.subject != `CN=ann,O=Example\0d\0aX-Evil: 1\c3\a9` || len(identity.fingerprint) != 64 {
					t.Errorf("%s: got the identity %+v", host, identity)
				}
			}
		}
	}
}

func TestARequestBelongsToTheSiteOfItsHandshake(t *testing.T) {
	ca := newTestCA(t, "CA", nil)
	a, b, changed := demandFor("a.test", ca, "1", true), demandFor("b.test", ca, "1", true), demandFor("a.test", ca, "2", true)
	of := func(d *clientDemand) *clientIdentity { return d.example() }
	for _, test := range []struct {
		name     string
		identity *clientIdentity
		host     string
		demand   *clientDemand
		want     bool
	}{
		{"no site demands one", nil, "plain.test", nil, true},
		{"the site of the handshake is asked", of(a), "a.test", a, true},
		{"the site of the handshake is asked, after a reload that changes nothing", of(a), "a.test", demandFor("a.test", ca, "1", true), true},
		{"another site with the same CA is asked", of(a), "b.test", b, false},
		{"a plain site is asked over a connection of one that demands", of(a), "plain.test", nil, false},
		{"a site that demands is asked over a plain connection", nil, "a.test", a, false},
		{"the site demands another CA now", of(a), "a.test", changed, false},
		{"the site has stopped demanding one", of(a), "a.test", nil, true},
	} {
		if got := test.identity.isFor(test.host, test.demand); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTheUpstreamGetsTheClientsCertificateAndNoForgedOne(t *testing.T) {
	ca := newTestCA(t, "CA", nil)
	forged := fieldList("X-Client-Cert-Subject", "CN=eve", "x_client_cert_fingerprint", "00", "X-Client-Cert-Verified", "1", "X-Other", "1")
	for _, test := range []struct {
		name     string
		identity *clientIdentity
		status   int
		want     string
	}{
		{"the client has a certificate", &clientIdentity{host: "a.test", id: "optional 1", subject: "CN=ann", fingerprint: "ab"}, 200, "X-Client-Cert-Subject: CN=ann\r\nX-Client-Cert-Fingerprint: ab\r\n"},
		{"the client has none", &clientIdentity{host: "a.test", id: "optional 1"}, 200, ""},
		{"the connection is of another site", nil, 421, ""},
		{"the certificate is for another site", &clientIdentity{host: "b.test", id: "optional 1", subject: "CN=ann", fingerprint: "ab"}, 421, ""},
	} {
		p := newTestPipeline(t)
		p.dynamic.Load().sites.find(0, "a.test").demand = demandFor("a.test", ca, "1", false)
		r := getRequest("/")
		r.Identity, r.Fields = test.identity, cloneFields(forged)
		_, client, log := p.run(t, r)
		head := strings.Join(p.heads(), "")
		if client.status != test.status || !strings.Contains(head, test.want) || strings.Contains(head, "eve") || strings.Contains(strings.ToLower(head), "fingerprint: 00") || strings.Contains(head, "Verified") {
			t.Errorf("%s: got %d and the upstream %q, want %d and %q", test.name, client.status, head, test.status, test.want)
		}
		if test.want == "" && strings.Contains(strings.ToLower(head), "client-cert") {
			t.Errorf("%s: the upstream got %q", test.name, head)
		}
		if closing := test.status == 421; client.closing != closing {
			t.Errorf("%s: the connection ends after the answer: got %v, want %v", test.name, client.closing, closing)
		}
		if misdirected := map[bool]string{true: "a.test"}[test.status == 421]; client.misdirected != misdirected {
			t.Errorf("%s: got %q misdirected, want %q", test.name, client.misdirected, misdirected)
		}
		if test.status == 421 && !strings.Contains(log, "one of the two asks for certificates") {
			t.Errorf("%s: got the log %q", test.name, log)
		}
	}
}

// With satisfy = "any", a certificate is one of the rules.
func TestACertificateMayTakeThePlaceOfAPassword(t *testing.T) {
	ca := newTestCA(t, "CA", nil)
	for _, verified := range []bool{true, false} {
		p := newTestPipeline(t)
		p.protect(&config.Access{Users: testUsers(t), Any: true})
		p.dynamic.Load().sites.find(0, "a.test").demand = demandFor("a.test", ca, "1", false)
		r := getRequest("/")
		r.Identity = &clientIdentity{host: "a.test", id: "optional 1"}
		if verified {
			r.Identity.subject, r.Identity.fingerprint = "CN=ann", "ab"
		}
		_, client, _ := p.run(t, r)
		if want := map[bool]int{true: 200, false: 401}[verified]; client.status != want {
			t.Errorf("with a certificate %v: got %d, want %d", verified, client.status, want)
		}
	}
}
