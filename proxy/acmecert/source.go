package acmecert

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// Source holds the certificates of one ACME listener (S-5.4). Handshakes read them from memory and have no other
// effect; Provision fills them at startup and Run renews them in the background.
//
// Every try to obtain one certificate is an acmeAttempt with an autocert.Manager of its own, so that the tries, their
// errors and the waits between them are decided here: a Manager that serves handshakes orders inside them, retries
// forever and does not expose its errors.
type Source struct {
	key            string // the configuration table, as in `listeners[0].tls`
	listener       string
	cfg            config.TLS
	httpChallenges bool
	log            *eventlog.Logger
	transport      *http.Transport
	refusals       *acmeRefusals

	// domains is in the order of the file. It and byName do not change after New.
	domains []*acmeDomain
	byName  map[string]*acmeDomain

	// obtain makes one attempt; tests of the schedule replace it.
	obtain func(ctx context.Context, d *acmeDomain) acmeOutcome
	// attempts counts the attempts by outcome.
	attempts [len(cert.Attempts{})]atomic.Uint64
	// asked reports whether Provision had to contact the CA.
	asked bool

	// mu guards the scheduling fields of all domains.
	mu sync.Mutex
}

// acmeDomain is one name of `acme_domains` with its certificate.
type acmeDomain struct {
	name    string
	cert    atomic.Pointer[tls.Certificate]
	attempt atomic.Pointer[acmeAttempt]

	// The rest is guarded by Source.mu.

	// renewAt is when the certificate is due for renewal; retryAt is the earliest next try after a failure.
	renewAt, retryAt time.Time
	// unreachable counts the tries in a row that got no answer.
	unreachable int
	lastAttempt time.Time
	lastError   string
}

// New prepares the listener's cache directory and its connection to the CA, without contacting the CA. listenerKey is
// the configuration's key of the listener, as in `listeners[0]`, and listener its address and port. httpChallenges
// reports whether a redirect port answers HTTPChallenge. The error is a config.KeyError.
func New(listenerKey, listener string, cfg config.TLS, httpChallenges bool,
	log *eventlog.Logger) (*Source, error) {
	key := listenerKey + ".tls"
	if err := prepareACMECacheDir(cfg.ACMECacheDir); err != nil {
		return nil, config.KeyError{Key: key + ".acme_cache_dir", Problem: err.Error()}
	}
	transport, err := newACMEBaseTransport(cfg.ACMECAPath)
	if err != nil {
		return nil, config.KeyError{Key: key + ".acme_ca_path", Problem: err.Error()}
	}
	refusals, err := loadACMERefusals(cfg.ACMECacheDir)
	if err != nil {
		// The start does not fail without the remembered refusals: the CA's own limits still apply.
		log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("directory", cfg.ACMEDirectory), eventlog.Err(err))
	}
	s := &Source{key: key, listener: listener, cfg: cfg, httpChallenges: httpChallenges, log: log,
		transport: transport, refusals: refusals, byName: make(map[string]*acmeDomain)}
	s.obtain = s.runAttempt
	for _, name := range cfg.ACMEDomains {
		name = cert.NormalName(name)
		if s.byName[name] == nil {
			d := &acmeDomain{name: name}
			s.byName[name] = d
			s.domains = append(s.domains, d)
		}
	}
	return s, nil
}

// Certificate returns the certificate of exactly the hello's server name or, if the client sent none, that of a
// listener with a single name. It never orders one (S-5.5).
func (s *Source) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if hello.ServerName == "" {
		if len(s.domains) != 1 {
			return nil
		}
		return s.domains[0].cert.Load()
	}
	d := s.byName[cert.NormalName(hello.ServerName)]
	if d == nil {
		return nil
	}
	return d.cert.Load()
}

// Certificates lists the certificates in use, in the order of `acme_domains`.
func (s *Source) Certificates() []cert.Info {
	var infos []cert.Info
	for _, d := range s.domains {
		certificate := d.cert.Load()
		if certificate == nil {
			continue
		}
		infos = append(infos, cert.Info{Listener: s.listener, Names: slices.Clone(certificate.Leaf.DNSNames),
			Source: config.TLSModeACME, NotAfter: certificate.Leaf.NotAfter.UTC()})
	}
	return infos
}

// ChallengeCertificate answers the hello of a TLS-ALPN-01 validation, which offers only `acme-tls/1` (RFC 8737, section
// 3). Only a running attempt for exactly that name has an answer; without one it returns nil and no error, which makes
// crypto/tls send unrecognized_name.
func (s *Source) ChallengeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	d := s.byName[cert.NormalName(hello.ServerName)]
	if d == nil {
		return nil, nil
	}
	a := d.attempt.Load()
	if a == nil {
		return nil, nil
	}
	cert, err := a.challengeCertificate(d.name)
	if err != nil {
		return nil, fmt.Errorf("%s: no answer to the TLS-ALPN-01 challenge: %w", d.name, err)
	}
	return cert, nil
}

// HTTPChallenge returns the key authorization for a request below /.well-known/acme-challenge/ (S-13.2; RFC 8555,
// section 8.3). host may carry a port. ok is false unless a running attempt for that host knows the token.
func (s *Source) HTTPChallenge(host, path string) (keyAuth []byte, ok bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	d := s.byName[cert.NormalName(host)]
	if d == nil {
		return nil, false
	}
	a := d.attempt.Load()
	if a == nil {
		return nil, false
	}
	return a.httpChallenge(d.name, path)
}

// AsksCA implements cert.Source.
func (s *Source) AsksCA() bool { return true }

// Table implements cert.Source.
func (s *Source) Table() *cert.Table { return nil }

// Prepare implements cert.Source. The names are fixed at the start, and Run renews their certificates.
func (s *Source) Prepare([]string) (*cert.Prepared, error) { return nil, nil }

// Attempts implements cert.Source.
func (s *Source) Attempts() (counts cert.Attempts) {
	for result := range counts {
		counts[result] = s.attempts[result].Load()
	}
	return counts
}

// Names reports on every name, in the order of `acme_domains`.
func (s *Source) Names() []cert.NameStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := make([]cert.NameStatus, len(s.domains))
	for i, d := range s.domains {
		status[i] = cert.NameStatus{Domain: d.name, LastAttempt: d.lastAttempt, LastError: d.lastError,
			NextTry: d.nextTry()}
	}
	return status
}
