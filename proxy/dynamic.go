package proxy

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/limit"
)

// DynamicConfig is the part of a configuration that a reload replaces, as one immutable value behind an atomic pointer.
// A request loads it once and uses that value to its end: never half of one configuration and half of another (S-3.1).
type DynamicConfig struct {
	// RateLimit configures every client's token bucket.
	RateLimit limit.Config
	// BodyLimit is the largest request body, in bytes; 0 for no limit.
	BodyLimit int64
	// Maintenance is what the file says about maintenance.
	Maintenance config.Maintenance
	// Access is what the file says about access.
	Access *config.Access
	// RequestHeaders and ResponseHeaders are the file's rules for header fields; nil for none. Those for responses apply to
	// the responses to requests that reach no site.
	RequestHeaders, ResponseHeaders *headers.Rules
	// HealthPath is answered with 200 on the HTTPS listeners; "" for no such path.
	HealthPath string
	// Path, Hash and LoadedAt identify the file that this came from, for `status`.
	Path, Hash string
	LoadedAt   time.Time
	// Sites is the number of sites over all listeners.
	Sites int
	// sites holds the sites with their routes.
	sites siteTable
	// expects are the tests in the file.
	expects []config.Expect
	// ordered holds, for each running listener, the names for which the listener orders certificates (S-5.7). An entry
	// is nil if the listener is not in ACME mode.
	ordered [][]string
}

// buildDynamic makes the dynamic part of cfg for the running listeners. At startup the running listeners are those of
// cfg itself. At a reload, a listener that was added to the file waits for a restart, and so do its sites (S-3.4). It
// fails if a site uses https to its upstream and the system has no root certificates to verify it with.
func buildDynamic(cfg *config.Config, running []config.Listener, now time.Time) (*DynamicConfig, error) {
	dynamic := newDynamic(cfg, running, now)
	roots := newRootsOnce()
	for s := range dynamic.sites.all() {
		if err := s.trust(roots); err != nil {
			return nil, err
		}
	}
	return dynamic, nil
}

// newDynamic makes the dynamic part of cfg for the running listeners, without the root certificates, which no decision
// needs.
func newDynamic(cfg *config.Config, running []config.Listener, now time.Time) *DynamicConfig {
	dynamic := &DynamicConfig{
		RateLimit:       cfg.RateLimit,
		BodyLimit:       cfg.Body.LimitBytes,
		Maintenance:     cfg.Maintenance,
		Access:          cfg.Access,
		RequestHeaders:  cfg.RequestHeaders,
		ResponseHeaders: cfg.ResponseHeaders,
		HealthPath:      cfg.HTTPSHealthPath,
		Path:            cfg.Path,
		Hash:            cfg.Hash,
		LoadedAt:        now,
		sites:           make(siteTable, len(running)),
		expects:         cfg.Expects,
		ordered:         make([][]string, len(running)),
	}
	for i, inFile := range config.MatchListeners(running, cfg.Listeners) {
		dynamic.sites[i] = newListenerSites(running[i].Address())
		dynamic.sites[i].addresses, dynamic.sites[i].port = running[i].Addresses(), strconv.Itoa(running[i].HTTPSPort)
		acme := running[i].TLS.Mode == config.TLSModeACME
		if acme {
			dynamic.ordered[i] = []string{}
		}
		if inFile < 0 {
			continue
		}
		if acme {
			dynamic.ordered[i] = orderedNames(cfg.Listeners[inFile])
		}
		dynamic.sites[i].trust(cfg.Listeners[inFile].Clients)
		for j, siteConfig := range cfg.Listeners[inFile].Sites {
			key := config.IndexKey(config.ChildKey(config.IndexKey("listeners", inFile), "sites"), j)
			dynamic.sites[i].add(newSite(i, key, siteConfig))
			dynamic.Sites++
		}
	}
	dynamic.boundServices()
	dynamic.vouch()
	return dynamic
}

// orderedNames returns the names for which certificates are ordered if the running listener is in ACME mode. A listener
// that has another mode in the file stays in ACME mode until a restart, and orders certificates for the names of its
// sites.
func orderedNames(listener config.Listener) []string {
	if listener.TLS.Mode == config.TLSModeACME {
		return listener.TLS.ACMEDomains
	}
	var names []string
	for _, site := range listener.Sites {
		for _, name := range site.Names() {
			if _, wildcard := config.IsWildcard(name); !wildcard && strings.Contains(name, ".") {
				names = append(names, name)
			}
		}
	}
	return names
}

// trust sets the roots of the routes with an https upstream. Its error is a config.Errors.
func (s *site) trust(roots func() (*x509.CertPool, error)) error {
	for r := range s.routesAndServices() {
		if !r.forwards() || r.config.UpstreamScheme != "https" {
			continue
		}
		if r.roots = r.config.UpstreamTLS.Roots; r.roots != nil {
			continue
		}
		var err error
		if r.roots, err = roots(); err != nil {
			return config.Errors{{Key: config.ChildKey(r.key, "upstream_scheme"), Problem: err.Error()}}
		}
	}
	return nil
}

// newRootsOnce returns a function that reads the system's root certificates on its first call. An empty pool is an
// error: every request to an https upstream would be a 502.
func newRootsOnce() func() (*x509.CertPool, error) {
	var pool *x509.CertPool
	return func() (*x509.CertPool, error) {
		if pool != nil {
			return pool, nil
		}
		system, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("the system's root certificates cannot be read: %w; install ca-certificates, or use \"http\"", err)
		}
		if system.Equal(x509.NewCertPool()) {
			return nil, fmt.Errorf("the system has no root certificates to verify the upstream with; install ca-certificates, or use \"http\"")
		}
		pool = system
		return pool, nil
	}
}
