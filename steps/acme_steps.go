package steps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// acmeSteps are the steps about listeners in ACME mode.
func (w *World) acmeSteps() []step {
	return []step{
		{`listener {int} gets certificates for {string} from the ACME server`, w.useACMEServer, "Sets mode acme, with the cache directory `acme1` for the first listener and so on. The ACME server finds the names at the listener's address; a second listener needs the ports of the first."},
		{`listener {int} gets certificates for its sites from the ACME server`, w.useACMEServerForSites, "Without `acme_domains`."},
		{`all listeners get certificates for their sites from the ACME server, with the cache {string}`, w.useACMETable, "Everything that they have in common is in `[acme]`."},
		{`the cache of listener {int} holds the certificate {string} for {string}`, w.fillCache, "One made by a sentence above, in autocert's format."},
		{`{int} sites {string} are served from the upstream {string}`, w.addSites, "A % in the name is replaced by 1, 2 and so on."},
		{`of the {int} sites {string} all but {string} have a certificate from the ACME server`, w.sitesHaveCertificates, "By a handshake for each."},
		{`the name {string} resolves elsewhere`, w.leadAstray, "For the ACME server: to an address where no process listens."},
		{`the name {string} resolves to its listener again`, w.leadBack, ""},
		{`the certificate comes from the ACME server`, w.certificateFromCA, "The last handshake's chain leads to its root, and covers the name that was asked for."},
		{`the ACME server was asked for {int} order(s)`, w.ordersAre, "In all. Those that Pebble refuses do not count."},
		{`the requests to the ACME server are counted`, w.countRequests, ""},
		{`the ACME server was asked nothing more`, w.askedNothing, "Since they were counted."},
		{`clients keep making TLS handshakes for {string}`, w.shakeWithoutEnd, "One after the other, each verifying what it gets by the ACME server's root."},
		{`they see {int} certificates in turn and no handshake fails`, w.seeCertificates, "Waits up to a minute."},
	}
}

// acmeDomains maps the names of the listeners in ACME mode to the address of the listener.
func (w *World) acmeDomains() map[string]string {
	domains := map[string]string{}
	for _, listener := range tables(w.config.root, "listeners") {
		table, _ := listener["tls"].(map[string]any)
		list, listed := table["acme_domains"].([]string)
		if values, ok := table["acme_domains"].([]any); ok { // from a setting
			listed = true
			for _, value := range values {
				list = append(list, fmt.Sprint(value))
			}
		}
		if !listed && table["mode"] == "acme" {
			for _, site := range tables(listener, "sites") {
				list = append(list, strings.ToLower(fmt.Sprint(site["host"])))
				aliases, _ := site["aliases"].([]any)
				for _, alias := range aliases {
					list = append(list, strings.ToLower(fmt.Sprint(alias)))
				}
			}
		}
		for _, name := range list {
			domains[name] = bindAddrs(listener)[0]
		}
	}
	return domains
}

// nameACMEDomains tells Pebble the address of each name.
func (w *World) nameACMEDomains() error {
	if w.acme == nil || w.acme.pebble == nil || w.acme.away {
		return nil
	}
	for name, address := range w.acmeDomains() {
		if w.acme.astray[name] {
			address = "127.255.255.253"
		}
		if err := w.acme.pebble.SetIPv4(name, address); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) cacheDir(listener int) string {
	return filepath.Join(w.dir, fmt.Sprintf("acme%d", listener))
}

func (w *World) useACMEServer(listener int, list string) error {
	if w.acme == nil {
		return errors.New("the scenario has no ACME server")
	}
	table := map[string]any{"mode": "acme", "acme_domains": names(list), "acme_cache_dir": w.cacheDir(listener),
		"acme_contact": "mailto:ops@example.test", "acme_directory": w.acme.directory}
	if w.acme.caFile != "" {
		table["acme_ca_path"] = w.acme.caFile
	}
	if err := w.config.set(w.tlsTable(listener), table); err != nil {
		return err
	}
	return w.nameACMEDomains()
}

func (w *World) addSites(count int, pattern, upstream string) error {
	for i := range count {
		if err := w.addSite(strings.Replace(pattern, "%", strconv.Itoa(i+1), 1), upstream); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) sitesHaveCertificates(count int, pattern, but string) error {
	for i := range count {
		name := strings.Replace(pattern, "%", strconv.Itoa(i+1), 1)
		if name == but {
			continue
		}
		if err := w.shakeHands(name); err != nil {
			return err
		}
		if err := w.certificateFromCA(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *World) leadAstray(name string) error {
	if w.acme.astray == nil {
		w.acme.astray = map[string]bool{}
	}
	w.acme.astray[name] = true
	return w.nameACMEDomains()
}

func (w *World) leadBack(name string) error {
	delete(w.acme.astray, name)
	return w.nameACMEDomains()
}

// useACMEServerForSites is useACMEServer without acme_domains.
func (w *World) useACMEServerForSites(listener int) error {
	if err := w.useACMEServer(listener, "example.test"); err != nil {
		return err
	}
	if err := w.config.remove(w.tlsTable(listener) + ".acme_domains"); err != nil {
		return err
	}
	return w.nameACMEDomains()
}

func (w *World) useACMETable(cache string) error {
	if w.acme == nil {
		return errors.New("the scenario has no ACME server")
	}
	table := map[string]any{"cache_dir": filepath.Join(w.dir, cache), "contact": "mailto:ops@example.test", "directory": w.acme.directory}
	if w.acme.caFile != "" {
		table["ca_path"] = w.acme.caFile
	}
	if err := w.config.set("acme", table); err != nil {
		return err
	}
	for i := range tables(w.config.root, "listeners") {
		if err := w.config.set(w.tlsTable(i+1), map[string]any{"mode": "acme"}); err != nil {
			return err
		}
	}
	return w.nameACMEDomains()
}

func (w *World) fillCache(listener int, certificate, name string) error {
	key, err := os.ReadFile(w.keyPath(certificate))
	if err != nil {
		return err
	}
	chain, err := os.ReadFile(w.certPath(certificate))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(w.cacheDir(listener), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.cacheDir(listener), name), append(key, chain...), 0o600)
}

// acmeRoots returns the roots for clients that verify certificates of the ACME server.
func (w *World) acmeRoots() (*x509.CertPool, error) {
	var pem []byte
	var err error
	switch {
	case w.acme != nil && w.acme.pebble != nil && !w.acme.away:
		pem, err = w.acme.pebble.RootsPEM()
	case w.acme != nil && w.acme.fake != nil:
		pem = w.acme.fake.RootPEM()
	default:
		err = errors.New("the scenario has no ACME server that issues certificates")
	}
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("got no root from the ACME server: %q", clip(string(pem)))
	}
	return roots, nil
}

func (w *World) certificateFromCA() error {
	state, err := w.shaken()
	if err != nil {
		return err
	}
	roots, err := w.acmeRoots()
	if err != nil {
		return err
	}
	chain := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		chain.AddCert(cert)
	}
	_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: state.ServerName, Roots: roots, Intermediates: chain})
	return err
}

func (w *World) ordersAre(want int) error {
	got, err := w.acme.orders()
	if err == nil && got != want {
		err = fmt.Errorf("got %d orders, want %d", got, want)
	}
	return err
}

func (w *World) countRequests() error {
	return w.eventually(func() (err error) {
		if w.acme.counted, err = w.acme.requests(); err != nil {
			return err
		}
		// The server's log is delayed, and a client that has ended may have sent one more request.
		return w.during(500*time.Millisecond, w.askedNothing)
	})
}

func (w *World) askedNothing() error {
	got, err := w.acme.requests()
	if err == nil && got != w.acme.counted {
		err = fmt.Errorf("got %d requests since they were counted, want none", got-w.acme.counted)
	}
	return err
}

// handshakes are handshakes that are repeated without end.
type handshakes struct {
	mu     sync.Mutex
	count  int
	failed error
	seen   map[string]bool // serial numbers
}

func (w *World) shakeWithoutEnd(name string) error {
	roots, err := w.acmeRoots()
	if err != nil {
		return err
	}
	address, err := w.dialAddress("https", name, 0)
	if err != nil {
		return err
	}
	h := &handshakes{seen: map[string]bool{}}
	w.acme.handshook = h
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	w.cleanup(func() error { cancel(); <-done; return nil })
	dialer := &tls.Dialer{NetDialer: w.dialer(""), Config: &tls.Config{ServerName: name, RootCAs: roots}}
	go func() {
		defer close(done)
		repeat(ctx, func(ctx context.Context) {
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if ctx.Err() == nil {
				h.note(conn, err)
			}
			if conn != nil {
				_ = conn.Close()
			}
		})
	}()
	return nil
}

func (h *handshakes) note(conn net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	if err != nil {
		h.failed = errors.Join(h.failed, fmt.Errorf("handshake %d at %s: %w", h.count, time.Now().UTC().Format(time.RFC3339), err))
		return
	}
	h.seen[conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()] = true
}

func (w *World) seeCertificates(want int) error {
	var failed error
	err := w.within(time.Minute, func() error {
		h := w.acme.handshook
		h.mu.Lock()
		defer h.mu.Unlock()
		if failed = h.failed; failed == nil && len(h.seen) < want {
			return fmt.Errorf("got %d certificates in %d handshakes, want %d", len(h.seen), h.count, want)
		}
		return nil
	})
	return errors.Join(failed, err)
}
