package check

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// The bounds below which a limit is legal but probably wrong.
const (
	// pageRequests is the number of requests that a browser makes at the same time for a page with its scripts, styles and
	// pictures.
	pageRequests = 30
	// formBytes is the size of a form with a small picture, in bytes.
	formBytes = 64 << 10
	// fewConnections is the number of connections of a handful of browsers over HTTP/1.1, at six each.
	fewConnections = 32
)

// checker collects warnings.
type checker struct {
	env      environment
	cfg      *config.Config
	warnings []config.KeyError
	// silent says why upstreams do not answer, by address.
	silent map[string]string
}

// warningsOf lists what is legal in a valid configuration but probably wrong, in the order of the documentation.
// ctx bounds the look-ups of upstream names and of the records of challenges.
func warningsOf(ctx context.Context, cfg *config.Config, env environment) []config.KeyError {
	c := &checker{env: env, cfg: cfg}
	if cfg.MaxConnections < fewConnections {
		c.warn("max_connections", "%d are used up by a few browsers, which open six each over HTTP/1.1; write %d or more",
			cfg.MaxConnections, fewConnections)
	}
	c.readable("", cfg.Path)
	c.readable("maintenance_file", cfg.Maintenance.File)
	c.access("", cfg.Access, config.LevelFile)
	c.logFile()
	c.limits()
	c.headerRules("", config.LevelFile, map[string]*headers.Rules{"request_headers": cfg.RequestHeaders, "response_headers": cfg.ResponseHeaders})
	addresses := c.resolveUpstreams(ctx)
	c.silent = c.silentUpstreams(ctx, addresses)
	c.challengeRecords(ctx)
	for i, listener := range cfg.Listeners {
		c.clients(config.IndexKey("listeners", i), listener.Clients, listener.ProxyProtocol)
		c.listener(config.IndexKey("listeners", i), listener, addresses)
	}
	return cfg.LocatedErrors(c.warnings)
}

// warn adds a warning about the key, unless there are already config.MaxErrors.
func (c *checker) warn(key, format string, args ...any) {
	switch len(c.warnings) {
	case config.MaxErrors + 1:
	case config.MaxErrors:
		c.warnings = append(c.warnings, config.KeyError{Problem: fmt.Sprintf("more than %d warnings; the rest is left out", config.MaxErrors)})
	default:
		c.warnings = append(c.warnings, config.KeyError{Key: key, Problem: fmt.Sprintf(format, args...)})
	}
}

// writableByUs asks access(2) whether this process's user may write to the file.
func writableByUs(path string) error {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}

// logFile warns of an existing log file that the daemon cannot write because another user owns it. Validation has
// checked its directory.
func (c *checker) logFile() {
	const key = "logging.log_file_path"
	path := c.cfg.Logging.FilePath
	if path == "" {
		return
	}
	if _, err := os.Stat(path); err != nil {
		c.usable(key, filepath.Dir(path), mayWrite|maySearch, "written")
		return
	}
	if err := c.env.writable(path); err != nil {
		c.warn(key, "%s cannot be written by this user: %v; give the file to the user that the proxy runs as, or remove it",
			wording.Quoted(path), err)
		return
	}
	if err := c.env.account.may(path, mayWrite); err != nil {
		c.warn(key, "%s cannot be written by %s, as which the proxy seems to run: %v; give the file to that user, or remove it",
			wording.Quoted(path), c.env.account.name, err)
	}
}

// limits warns of limits that loading one page in a browser exceeds.
func (c *checker) limits() {
	limit := c.cfg.RateLimit
	if limit.RequestsPerSecond < 1 {
		c.warn("rate_limit.requests_per_second", "%v lets a client that has used its burst up wait for %.0f s; write 1 or more",
			limit.RequestsPerSecond, 1/limit.RequestsPerSecond)
	}
	if limit.Burst < pageRequests {
		c.warn("rate_limit.burst", "%d is less than what a browser asks for at once to show a page, and the rest gets 429; write %d or more",
			limit.Burst, pageRequests)
	}
	if limit := c.cfg.Body.LimitBytes; limit > 0 && limit < formBytes {
		c.warn("body.limit_bytes", "%d refuses a form with a small picture, or a push of Git, with 413; write %d or more",
			limit, formBytes)
	}
}

// listener warns of problems of one listener and its sites. addresses are those of the upstreams' names.
func (c *checker) listener(key string, listener config.Listener, addresses map[string]lookup) {
	covers := func(string) bool { return true }
	remedy := ""
	switch listener.TLS.Mode {
	case config.TLSModeManual:
		covers = c.manualCertificates(config.ChildKey(key, "tls"), listener.TLS).Covers
		remedy = "add a certificate for it to [listeners.tls], or correct the name"
	case config.TLSModeACME:
		covers = c.acme(key, listener)
		remedy = "add the name to acme_domains, or correct it"
	}
	for i, site := range listener.Sites {
		siteKey := config.IndexKey(config.ChildKey(key, "sites"), i)
		keys := site.NameKeys(siteKey)
		for n, name := range site.Names() {
			if !covers(name) {
				c.warn(keys[n], "%s is covered by no certificate of its listener, so that no client can connect to it; %s",
					wording.Quoted(name), remedy)
			}
		}
		c.siteLimits(siteKey, site)
		c.headerRules(siteKey, config.LevelSite, ofSettings(site.Settings))
		c.readable(config.ChildKey(siteKey, "maintenance_file"), site.Maintenance.FileAt(config.LevelSite))
		files := map[string]bool{} // that were looked at, by key and path
		c.upstreamTLS(siteKey, site.UpstreamTLS, files)
		c.access(siteKey, site.Access, config.LevelSite)
		c.readable(config.ChildKey(siteKey, "client_ca_path"), site.ClientCerts.Path())
		warned := map[string]bool{} // by upstream, which several routes may have
		for k, route := range site.Routes {
			routeKey := config.IndexKey(config.ChildKey(siteKey, "routes"), k)
			c.headerRules(routeKey, config.LevelRoute, ofSettings(route.Settings))
			c.upstreamTLS(routeKey, route.UpstreamTLS, files)
			c.readable(config.ChildKey(routeKey, "respond_file"), route.RespondFile)
			c.readable(config.ChildKey(routeKey, "maintenance_file"), route.Maintenance.FileAt(config.LevelRoute))
			c.access(routeKey, route.Access, config.LevelRoute)
		}
		for _, forward := range site.Forwards(siteKey) {
			if address := forward.Upstream.Address; !warned[address] {
				warned[address] = true
				c.upstream(forward.UpstreamKey, address, addresses)
			}
		}
	}
}

// manualCertificates warns of certificates that end soon, are not yet valid, or cannot be read by the daemon's user,
// and returns their table.
func (c *checker) manualCertificates(key string, cfg config.TLS) *cert.Table {
	at := c.env.now()
	certificates, problems := cert.LoadPairs(key, cfg.Certificates, at)
	for _, problem := range problems { // it was good a moment ago
		c.warn(problem.Key, "%s", problem.Problem)
	}
	for i, certificate := range certificates {
		pairKey := cert.PairKey(key, i)
		leaf := certificate.Leaf
		if left := leaf.NotAfter.Sub(at); left < cert.WarnBefore(leaf.NotBefore, leaf.NotAfter) {
			c.warn(config.ChildKey(pairKey, "cert_path"), "the certificate for %s expires at %s, in %s; renew it, and see why it was not",
				config.CertificateNames(leaf), wording.Time(leaf.NotAfter), wording.Duration(left))
		}
		if at.Before(leaf.NotBefore) {
			c.warn(config.ChildKey(pairKey, "cert_path"), "the certificate for %s is not valid before %s; look at the clock, or wait until then",
				config.CertificateNames(leaf), wording.Time(leaf.NotBefore))
		}
		c.readable(config.ChildKey(pairKey, "cert_path"), cfg.Certificates[i].CertPath)
		c.readable(config.ChildKey(pairKey, "key_path"), cfg.Certificates[i].KeyPath)
	}
	return cert.NewTable(certificates)
}

// readable warns of a file that the daemon's user cannot read.
func (c *checker) readable(key, path string) { c.usable(key, path, mayRead, "read") }

// usable warns of a file or directory that the daemon's user cannot use as needed. It ignores "", and a missing one, which
// is reported elsewhere.
func (c *checker) usable(key, path string, want os.FileMode, how string) {
	if path == "" {
		return
	}
	if err := c.env.account.may(path, want); err != nil {
		c.warn(key, "%s cannot be %s by %s, as which the proxy seems to run: %v; give that user, or a group of its, the permission",
			wording.Quoted(path), how, c.env.account.name, err)
	}
}

// caConnectsTo reports whether a listener has one of the ports to which a public CA connects.
func caConnectsTo(listener config.Listener) bool {
	return listener.HTTPSPort == 443 || listener.HTTPPort == 80
}

// validatedElsewhere reports whether each name of a listener is also one of another listener to which the CA connects, and
// whose certificates it shares, or is proved by the DNS.
func (c *checker) validatedElsewhere(listener config.Listener) bool {
	return !slices.ContainsFunc(listener.TLS.ACMEDomains, func(name string) bool {
		if _, wildcard := config.IsWildcard(name); wildcard {
			return false // the CA asks the DNS
		}
		return !slices.ContainsFunc(c.cfg.Listeners, func(other config.Listener) bool {
			return other.TLS.Mode == config.TLSModeACME && caConnectsTo(other) &&
				other.TLS.ACMECacheDir == listener.TLS.ACMECacheDir && slices.Contains(other.TLS.ACMEDomains, name)
		})
	})
}

// acme warns of names and ports that do not fit together, and returns a function that reports whether a site's name is
// covered.
func (c *checker) acme(key string, listener config.Listener) func(string) bool {
	tlsKey := config.ChildKey(key, "tls")
	c.usable(config.ChildKey(tlsKey, "acme_cache_dir"), listener.TLS.ACMECacheDir, mayRead|mayWrite|maySearch, "read and written")
	if path := listener.TLS.ACMECAPath; path != "" {
		c.readable(config.ChildKey(tlsKey, "acme_ca_path"), path)
	}
	if listener.TLS.ACMEDirectory == config.ACMEStagingURL {
		c.warn(config.ChildKey(tlsKey, "acme_directory"), "no browser trusts the certificates of \"staging\"; write \"production\" when the first one has come")
	}
	public := listener.TLS.ACMEDirectory == config.ACMEStagingURL || listener.TLS.ACMEDirectory == config.ACMEProductionURL
	if public && !caConnectsTo(listener) && !c.validatedElsewhere(listener) {
		c.warn(config.ChildKey(key, "https_port"), "the CA connects only to the ports 443 and 80, and this listener has %d and %d; "+
			"write one of the two, or let a router lead there", listener.HTTPSPort, listener.HTTPPort)
	}
	if public && listener.TLS.ACMEProfile != "shortlived" && slices.ContainsFunc(listener.TLS.ACMEDomains, isAddress) {
		c.warn(config.ChildKey(tlsKey, "acme_profile"), "Let's Encrypt issues certificates for IP addresses only with the profile \"shortlived\"; "+
			"write that, for this listener or in [acme]")
	}
	served, ordered := map[string]bool{}, map[string]bool{}
	for _, site := range listener.Sites {
		for _, name := range site.Names() {
			served[config.CertificateName(name)] = true
		}
	}
	for i, name := range listener.TLS.ACMEDomains {
		name = cert.NormalName(name)
		ordered[name] = true
		if _, wildcard := config.IsWildcard(name); !served[name] && !(wildcard && coversAny(name, served)) {
			c.warn(config.IndexKey(config.ChildKey(tlsKey, "acme_domains"), i), "%s is not a site of this listener, so its certificate is of no use; "+
				"add the site, or leave the name out", wording.Quoted(name))
		}
	}
	return func(host string) bool {
		host = config.CertificateName(cert.NormalName(host))
		return ordered[host] || ordered[wildcardOf(host)]
	}
}

// isAddress reports whether a name is an IP address.
func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// wildcardOf returns the wildcard that covers a host name.
func wildcardOf(host string) string {
	_, rest, _ := strings.Cut(host, ".")
	return "*." + rest
}

// coversAny reports whether a wildcard covers one of the names.
func coversAny(wildcard string, names map[string]bool) bool {
	for name := range names {
		if wildcardOf(name) == wildcard {
			return true
		}
	}
	return false
}

// upstream warns of an upstream whose name has no address, that is this proxy itself, or that does not answer.
func (c *checker) upstream(key, upstream string, addresses map[string]lookup) {
	if path, ok := config.SocketPath(upstream); ok {
		c.upstreamSocket(key, path)
		return
	}
	host, port := config.SplitUpstream(upstream)
	found := addresses[host]
	if found.problem != "" {
		c.warn(key, "%s", found.problem)
		return
	}
	for _, addr := range found.addrs {
		if owner := c.ownPort(addr, port); owner != "" {
			c.warn(key, "%s is this proxy's own %s, so that requests go round until they fail; write the address of the program behind the proxy",
				wording.Quoted(upstream), owner)
			return
		}
	}
	if cause := c.silent[upstream]; cause != "" {
		c.warn(key, "%s does not answer: %s; start the program there, or correct the address", wording.Quoted(upstream), cause)
	}
}

// ownPort returns the key of the port of this configuration to which an address and port lead, or "".
func (c *checker) ownPort(addr netip.Addr, port int) string {
	addr = addr.Unmap()
	if port == c.cfg.HealthCheckPort && (addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr == netip.IPv4Unspecified()) {
		return "health_check_port"
	}
	for i, listener := range c.cfg.Listeners {
		bound := func(bound netip.Addr) bool { return bound == addr || bound.IsUnspecified() && c.env.isLocal(addr) }
		if !slices.ContainsFunc(listener.Addrs(), bound) {
			continue
		}
		switch port {
		case listener.HTTPSPort:
			return config.ChildKey(config.IndexKey("listeners", i), "https_port")
		case listener.HTTPPort:
			return config.ChildKey(config.IndexKey("listeners", i), "http_port")
		}
	}
	return ""
}
