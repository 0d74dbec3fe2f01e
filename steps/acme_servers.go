package steps

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"reverse-proxy/conformance/acmetest"
)

// acmeServer is the CA of a scenario, of any kind.
type acmeServer struct {
	directory string // the directory's URL
	caFile    string // the root that the daemon must trust for the server itself
	pebble    *acmetest.Pebble
	fake      *acmetest.FakeCA
	mended    chan struct{}   // closed when a fake that hangs answers; nil otherwise
	counted   int             // the number of requests when last counted
	astray    map[string]bool // names that lead elsewhere
	away      bool            // killed, and not yet restarted
	handshook *handshakes
}

// acmeServerSteps start the CA of a scenario.
func (w *World) acmeServerSteps() []step {
	return []step{
		{`an ACME server`, w.pebble, "Let's Encrypt's test server Pebble, which validates at the two ports of the first listener. It never sleeps, and refuses 5 % of all nonces, which is its default."},
		{`an ACME server as it is shipped`, w.pebbleShipped, "The same with its sleeps of up to 5 s before each validation."},
		{`an ACME server whose certificates last {int} seconds`, w.pebbleShort, ""},
		{`an ACME server that offers the profile {string}`, w.pebbleProfile, "And no other."},
		{`an ACME server that knows the account {string} with the key {string}`, w.pebbleAccounts, "And requires one that it knows; the key is in base64."},
		{`the ACME server wants the certificate renewed now`, w.renewNow, "The one of the last handshake, by its renewal information, with an explanation."},
		{`an ACME server that refuses the name {string}`, w.pebbleBlocking, ""},
		{`an ACME server that reaches only the redirect port`, w.pebbleHTTP, "Its TLS-ALPN-01 validations reach no server."},
		{`an ACME server that validates HTTP-01 at the port {string} and TLS-ALPN-01 at the port {string}`, w.pebbleAt, "In place of the ports of the first listener, but at its address. At port 0 it reaches no server."},
		{`an ACME server that reaches no port`, w.pebbleBlind, ""},
		{`an ACME server that never answers`, w.silentCA, "It accepts connections."},
		{`no ACME server`, w.noCA, "Its address refuses connections."},
		{`the ACME server hangs`, w.pauseCA, "A Pebble: by SIGSTOP. It accepts connections and answers nothing, until it goes on."},
		{`the ACME server goes on`, w.continueCA, ""},
		{`the ACME server goes away`, w.killCA, ""},
		{`the ACME server comes back`, w.restartCA, "At the same address, with a new root for what it issues."},
	}
}

// startPebble starts a Pebble that validates at the first listener.
func (w *World) startPebble(opts acmetest.PebbleOptions) error {
	tools := w.suite.Tools["pebble"]
	if tools == "" {
		return errors.New("the suite has no pebble")
	}
	opts.BinDir = tools
	p, err := acmetest.StartPebble(opts)
	if err != nil {
		return err
	}
	w.cleanup(func() error { p.Stop(); return nil })
	w.acme = &acmeServer{directory: p.DirectoryURL, caFile: p.CAFile, pebble: p}
	return nil
}

// validationPorts are the ports of the first listener.
func (w *World) validationPorts() (opts acmetest.PebbleOptions, err error) {
	first := tables(w.config.root, "listeners")[0]
	if opts.HTTPPort, err = strconv.Atoi(fmt.Sprint(first["http_port"])); err != nil {
		return opts, err
	}
	opts.TLSPort, err = strconv.Atoi(fmt.Sprint(first["https_port"]))
	return opts, err
}

// pebbleWith starts a Pebble at the first listener's ports, with options that change may modify.
func (w *World) pebbleWith(change func(*acmetest.PebbleOptions)) error {
	opts, err := w.validationPorts()
	if err != nil {
		return err
	}
	change(&opts)
	if w.names != nil { // the names of the ACME server are in a zone of the scenario
		server := w.addresses.address(97)
		opts.DNSAddress, opts.Resolver = net.JoinHostPort(server, "53"), net.JoinHostPort(w.addresses.address(99), "53")
		if err := w.names.server.addZone("example.test", server); err != nil {
			return err
		}
	}
	return w.startPebble(opts)
}

func (w *World) pebble() error { return w.pebbleWith(func(*acmetest.PebbleOptions) {}) }

func (w *World) pebbleShipped() error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.ValidationSleeps = true })
}

func (w *World) pebbleShort(seconds int) error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.ValiditySeconds = seconds })
}

func (w *World) pebbleProfile(name string) error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.Profile = name })
}

func (w *World) pebbleAccounts(id, key string) error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.Accounts = map[string]string{id: key} })
}

func (w *World) renewNow() error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw})
	now := time.Now()
	return w.acme.pebble.SetRenewalInfo(leaf, now.Add(-2*time.Hour), now.Add(-time.Hour), "https://ca.example.test/incident")
}

func (w *World) pebbleBlocking(name string) error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.Blocked = []string{name} })
}

func (w *World) pebbleHTTP() error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.TLSPort = 0 })
}

func (w *World) pebbleAt(http, tls string) error {
	httpPort, httpErr := strconv.Atoi(http)
	tlsPort, tlsErr := strconv.Atoi(tls)
	if err := errors.Join(httpErr, tlsErr); err != nil {
		return err
	}
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.HTTPPort, o.TLSPort = httpPort, tlsPort })
}

func (w *World) pebbleBlind() error {
	return w.pebbleWith(func(o *acmetest.PebbleOptions) { o.HTTPPort, o.TLSPort = 0, 0 })
}

// silentCA listens but sends nothing. The kernel completes the connections.
func (w *World) silentCA() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.cleanup(listener.Close)
	w.acme = &acmeServer{directory: "https://" + listener.Addr().String() + "/dir"}
	return nil
}

func (w *World) noCA() error {
	port, err := w.addresses.sharedPort("port:no ACME server")
	w.acme = &acmeServer{directory: "https://127.0.0.1:" + strconv.Itoa(port) + "/dir"}
	return err
}

// onPebble runs do on the Pebble of the scenario.
func (w *World) onPebble(do func(*acmetest.Pebble)) error {
	if w.acme == nil || w.acme.pebble == nil || w.acme.away {
		return errors.New("the scenario has no Pebble that runs")
	}
	do(w.acme.pebble)
	return nil
}

func (w *World) pauseCA() error    { return w.onPebble((*acmetest.Pebble).Pause) }
func (w *World) continueCA() error { return w.onPebble((*acmetest.Pebble).Continue) }

func (w *World) killCA() error {
	switch {
	case w.acme == nil:
		return errors.New("the scenario has no ACME server")
	case w.acme.pebble != nil:
		w.acme.away = true
		w.acme.pebble.Kill()
	case w.acme.fake != nil:
		w.acme.fake.Close()
	}
	return nil
}

func (w *World) restartCA() error {
	if w.acme == nil || w.acme.pebble == nil {
		return errors.New("the scenario has no ACME server that can come back")
	}
	if err := w.acme.pebble.Restart(); err != nil {
		return err
	}
	w.acme.away = false
	return w.nameACMEDomains()
}

// requests returns the number of requests so far.
func (s *acmeServer) requests() (int, error) {
	switch {
	case s.fake != nil:
		return s.fake.Requests(""), nil
	case s.pebble != nil:
		return s.pebble.Requests(), nil
	}
	return 0, errors.New("this ACME server counts nothing")
}

// orders returns the number of orders requested so far; for a Pebble, of those that it opened.
func (s *acmeServer) orders() (int, error) {
	switch {
	case s.fake != nil:
		return s.fake.Requests(acmetest.FakeCANewOrder), nil
	case s.pebble != nil:
		return s.pebble.Orders(), nil
	}
	return 0, errors.New("this ACME server counts nothing")
}
