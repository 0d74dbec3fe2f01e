package acmecert

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// Source serves some of a Manager's certificates on one listener (S-5.4). Provision obtains them at startup, a reload
// replaces the names, and Run renews in the background.
type Source struct {
	manager  *Manager
	key      string // the configuration table, as in `listeners[0].tls`
	listener string
	cfg      config.TLS
	// names are the names that handshakes can ask for.
	names atomic.Pointer[nameSet]
	// owner reports whether this is the Manager's first source, which counts the Manager's attempts.
	owner bool
}

// nameSet is an immutable set of names, in the order of the file.
type nameSet struct {
	list   []*domain
	byName map[string]*domain
	// address is the only IP address among the names; nil if there is none, or several.
	address *domain
}

// New returns the Source of a single listener. See Managers.Source.
func New(listenerKey, listener string, cfg config.TLS, httpChallenges bool, log *eventlog.Logger) (*Source, error) {
	return NewManagers(log, nil).Source(listenerKey, listener, cfg, httpChallenges)
}

// Source prepares the Source of a listener without contacting the CA. listenerKey is the configuration's key of the
// listener, as in `listeners[0]`, and listener is its address and port. httpChallenges reports whether a redirect
// port answers HTTPChallenge. The error is a config.KeyError.
func (all *Managers) Source(listenerKey, listener string, cfg config.TLS, httpChallenges bool) (*Source, error) {
	key := listenerKey + ".tls"
	m, err := all.manager(key, cfg)
	if err != nil {
		return nil, err
	}
	if httpChallenges {
		m.httpChallenges.Store(true)
	}
	s := &Source{manager: m, key: key, listener: listener, cfg: cfg}
	s.names.Store(m.nameSet(cfg.ACMEDomains))
	m.mu.Lock()
	defer m.mu.Unlock()
	s.owner = len(m.sources) == 0
	m.sources = append(m.sources, s)
	return s, nil
}

// nameSet returns the set of the names.
func (m *Manager) nameSet(names []string) *nameSet {
	set := &nameSet{byName: make(map[string]*domain, len(names))}
	for _, name := range names {
		name = cert.NormalName(name)
		if set.byName[name] == nil {
			d := m.domainOf(name)
			set.byName[name] = d
			set.list = append(set.list, d)
		}
	}
	set.address = onlyAddress(set.list)
	m.tellResponder()
	return set
}

// Certificate returns the certificate of exactly the hello's server name, or else that of a wildcard that covers it.
// If the client sent no name, it returns that of nameSet.nameless. It never orders one (S-5.5).
func (s *Source) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	names := s.names.Load()
	if hello.ServerName == "" {
		if d := names.nameless(hello.Conn); d != nil {
			return d.certificate()
		}
		return nil
	}
	name := cert.NormalName(hello.ServerName)
	if d := names.byName[name]; d != nil {
		if certificate := d.certificate(); certificate != nil {
			return certificate
		}
	}
	if d := names.byName[wildcardOf(name)]; d != nil {
		return d.certificate()
	}
	return nil
}

// Certificates lists the certificates in use, in the order of `acme_domains`.
func (s *Source) Certificates() []cert.Info {
	var infos []cert.Info
	for _, d := range s.names.Load().list {
		certificate := d.certificate()
		if certificate == nil {
			continue
		}
		infos = append(infos, cert.Info{Listener: s.listener, Names: config.NamesOf(certificate.Leaf),
			Source: config.TLSModeACME, NotBefore: certificate.Leaf.NotBefore.UTC(), NotAfter: certificate.Leaf.NotAfter.UTC()})
	}
	return infos
}

// attemptFor returns the running attempt for a name, which need not be served yet; nil if there is none.
func (m *Manager) attemptFor(name string) *attempt {
	m.mu.Lock()
	d := m.domains[challengedDomain(name)]
	m.mu.Unlock()
	if d == nil {
		return nil
	}
	return d.attempt.Load()
}

// ChallengeCertificate answers the hello of a TLS-ALPN-01 validation, which offers only `acme-tls/1` (RFC 8737,
// section 3). There is an answer only while an attempt for exactly that name runs, here or on another machine.
// Otherwise it returns nil and no error, which makes crypto/tls send unrecognized_name.
func (s *Source) ChallengeCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := s.manager.attemptFor(hello.ServerName).challengeCertificate(); certificate != nil {
		return certificate, nil
	}
	if remote, ok := s.manager.remoteChallenge(hello.ServerName); ok {
		return remote.certificate, nil
	}
	return nil, nil
}

// HTTPChallenge returns the key authorization for a request below /.well-known/acme-challenge/ (S-13.2; RFC 8555,
// section 8.3). host may have a port. ok is false unless a running attempt for that host has the token.
func (s *Source) HTTPChallenge(host, path string) (keyAuth []byte, ok bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if keyAuth, ok = s.manager.attemptFor(host).httpAnswer(path); ok {
		return keyAuth, true
	}
	remote, ok := s.manager.remoteChallenge(host)
	if !ok || remote.path == "" || remote.path != path {
		return nil, false
	}
	return []byte(remote.keyAuthorization), true
}

// AsksCA implements cert.Source.
func (s *Source) AsksCA() bool { return true }

// Table implements cert.Source.
func (s *Source) Table() *cert.Table { return nil }

// Attempts implements cert.Source. Of the listeners that share a cache, and so its attempts, only one reports them.
func (s *Source) Attempts() (counts cert.Attempts) {
	if !s.owner {
		return counts
	}
	for result := range counts {
		counts[result] = s.manager.attempts[result].Load()
	}
	return counts
}

// Names returns the status of every name, in the order of `acme_domains`.
func (s *Source) Names() []cert.NameStatus {
	m := s.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	list := s.names.Load().list
	status := make([]cert.NameStatus, len(list))
	for i, d := range list {
		at, why := m.nextTry(d)
		status[i] = cert.NameStatus{Domain: d.name, LastAttempt: d.lastAttempt, LastError: d.lastError, NextTry: at, Why: why}
		if why == "ari" {
			status[i].Explanation = d.suggested.Explanation
		}
	}
	return status
}

// Run renews the Manager's certificates until ctx ends (startup step 9). Of the listeners that share the Manager,
// only one does the work.
func (s *Source) Run(ctx context.Context) {
	s.manager.runs.Do(func() { s.manager.run(ctx) })
}
