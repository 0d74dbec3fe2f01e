package steps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) handshakeSteps() []step {
	return []step{
		{`a client makes a TLS handshake for {string}`, w.shakeHands, "With the listener that has the site, or the first; `none` sends no name. The sentences below check the certificate, which is not verified before."},
		{`a client makes a TLS handshake:`, w.shakeHandsTable, "A table of two columns: `name`, `client`, `listener`, `address` or `machine`, `minimum` and `maximum` (`1.0` … `1.3`), `suites` (names of TLS 1.2, separated by commas), `protocols` (of ALPN, separated by commas), `certificate` (the name of the client's own), `session` (a name under which the session is kept, and offered in the next handshake with the same name)."},
		{`the handshake succeeds`, w.handshakeSucceeds, ""},
		{`the handshake is resumed`, w.handshakeResumed, "With the session of the one before."},
		{`the handshake is a full one`, w.handshakeFull, "It succeeded, and was not resumed."},
		{`the handshake fails`, w.handshakeFails, ""},
		{`the handshake fails as the one before`, w.handshakeFailsAlike, "With the same error."},
		{`the handshake fails with the alert {string}`, w.handshakeAlert, "As crypto/tls words it: `unrecognized name`, `protocol version not supported`, `handshake failure`, `internal error`."},
		{`the handshake speaks {string}`, w.handshakeVersion, "`TLS 1.2` or `TLS 1.3`."},
		{`the handshake uses {string}`, w.handshakeSuite, "The cipher suite's name."},
		{`the handshake agrees on {string}`, w.handshakeProtocol, "The protocol of ALPN; empty for none."},
		{`the certificate is for {string}`, w.certificateFor, "All its DNS names, separated by commas."},
		{`the certificate is {string}`, w.certificateIs, "The one of that name, as its file holds it now."},
		{`the certificate is trusted for {string}`, w.certificateTrusted, "Its chain leads to the suite's CA and it covers the name."},
	}
}

// handshake is a TLS handshake of a client that verifies nothing, so that a scenario can examine the result.
type handshake struct {
	state *tls.ConnectionState
	err   error
	// before is the handshake before this one; nil if this is the first. It holds none before itself.
	before *handshake
}

func (w *World) shakeHands(name string) error {
	return w.handshakeWith(map[string]string{"name": name})
}

func (w *World) shakeHandsTable(table *godog.Table) error {
	rows, err := pairMap(table)
	if err != nil {
		return err
	}
	return w.handshakeWith(rows)
}

var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func (w *World) handshakeWith(rows map[string]string) error {
	config := &tls.Config{InsecureSkipVerify: true}
	listener := 0
	host, client, at := "example.test", "", ""
	var sessions *sessionCache
	for key, value := range rows {
		var err error
		ok := true
		switch key {
		case "name":
			if value != "none" {
				config.ServerName, host = value, value
			}
		case "client":
			client = value
		case "certificate":
			err = w.showCertificate(config, value)
		case "address":
			at = value
		case "machine":
			if at, err = w.machineAddress(value); err != nil {
				return err
			}
		case "listener":
			listener, err = strconv.Atoi(value)
		case "minimum":
			config.MinVersion, ok = tlsVersions[value]
		case "maximum":
			config.MaxVersion, ok = tlsVersions[value]
		case "suites":
			config.CipherSuites, err = suites(names(value))
		case "protocols":
			config.NextProtos = names(value)
		case "session":
			sessions = w.sessionsOf(value)
			config.ClientSessionCache = sessions
		default:
			return fmt.Errorf("%q is nothing that a hello has", key)
		}
		if err != nil || !ok {
			return fmt.Errorf("%s %q: %w", key, value, errors.Join(err, errors.New("not known")))
		}
	}
	address, err := at, error(nil)
	if at == "" {
		address, err = w.dialAddress("https", host, listener)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	conn, err := w.dial(ctx, client, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	before := w.handshake
	w.handshake = shake(ctx, conn, config, sessions)
	if before != nil {
		w.handshake.before = &handshake{state: before.state, err: before.err}
	}
	return nil
}

// shake performs a handshake on the connection. In TLS 1.3 a server refuses the client's part only after the handshake,
// and servers of this suite send nothing unasked, so a short read finds an alert. If the server has asked for a certificate,
// the read takes longer: an alert is likely then, and a busy machine may need its time for it. shake waits for a new session.
func shake(ctx context.Context, conn net.Conn, config *tls.Config, sessions *sessionCache) *handshake {
	had := sessions.count()
	forAlert := 20 * time.Millisecond
	show := config.GetClientCertificate
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		forAlert = 2 * time.Second
		if show == nil {
			return new(tls.Certificate), nil
		}
		return show(info)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return &handshake{err: err}
	}
	state := secure.ConnectionState()
	for end := time.Now().Add(patience); ; {
		_ = conn.SetReadDeadline(time.Now().Add(forAlert))
		if _, err := secure.Read(make([]byte, 1)); err != nil {
			if alert := new(net.OpError); errors.As(err, &alert) && alert.Op == "remote error" {
				return &handshake{err: err}
			}
		}
		if sessions == nil || state.DidResume || sessions.count() > had || time.Now().After(end) {
			return &handshake{state: &state}
		}
	}
}

// suites finds cipher suites by name, including insecure ones.
func suites(names []string) ([]uint16, error) {
	var ids []uint16
	all := append(tls.CipherSuites(), tls.InsecureCipherSuites()...)
	for _, name := range names {
		i := slices.IndexFunc(all, func(suite *tls.CipherSuite) bool { return suite.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no cipher suite %s", name)
		}
		ids = append(ids, all[i].ID)
	}
	return ids, nil
}

// shaken returns the state after a successful handshake.
func (w *World) shaken() (*tls.ConnectionState, error) {
	if w.handshake == nil {
		return nil, errors.New("no handshake was made yet")
	}
	if w.handshake.err != nil {
		return nil, fmt.Errorf("the handshake has failed: %w", w.handshake.err)
	}
	return w.handshake.state, nil
}

func (w *World) handshakeSucceeds() error {
	_, err := w.shaken()
	return err
}

func (w *World) handshakeFails() error {
	if w.handshake.err == nil {
		return errors.New("the handshake has succeeded")
	}
	return nil
}

func (w *World) handshakeFailsAlike() error {
	before := w.handshake.before
	if before == nil || before.err == nil {
		return errors.New("the handshake before has not failed")
	}
	if err := w.handshakeFails(); err != nil {
		return err
	}
	// An error of the network can name the port of the client.
	if got, want := errors.Unwrap(w.handshake.err), errors.Unwrap(before.err); fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("got the error %v, want %v", w.handshake.err, before.err)
	}
	return nil
}

func (w *World) handshakeAlert(want string) error {
	if err := w.handshakeFails(); err != nil {
		return err
	}
	if text := w.handshake.err.Error(); !strings.Contains(text, "remote error: tls: "+want) {
		return fmt.Errorf("got the error %q, want the alert %q", text, want)
	}
	return nil
}

func (w *World) handshakeVersion(want string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	if got := tls.VersionName(state.Version); got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

func (w *World) handshakeSuite(want string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	if got := tls.CipherSuiteName(state.CipherSuite); got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	return nil
}

func (w *World) handshakeProtocol(want string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	if state.NegotiatedProtocol != want {
		return fmt.Errorf("got %q, want %q", state.NegotiatedProtocol, want)
	}
	return nil
}

func (w *World) certificateFor(list string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	got := slices.Clone(state.PeerCertificates[0].DNSNames)
	for _, ip := range state.PeerCertificates[0].IPAddresses {
		got = append(got, ip.String())
	}
	if !slices.Equal(got, names(list)) {
		return fmt.Errorf("got a certificate for %v, want %s", got, list)
	}
	return nil
}

func (w *World) certificateIs(name string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(w.certPath(name), w.keyPath(name))
	if err != nil {
		return err
	}
	if !state.PeerCertificates[0].Equal(pair.Leaf) {
		return fmt.Errorf("got the certificate %v for %v, want %v for %v", state.PeerCertificates[0].SerialNumber,
			state.PeerCertificates[0].DNSNames, pair.Leaf.SerialNumber, pair.Leaf.DNSNames)
	}
	return nil
}

func (w *World) certificateTrusted(name string) error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	chain := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		chain.AddCert(cert)
	}
	_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: name, Roots: w.suite.ca.pool, Intermediates: chain})
	return err
}
