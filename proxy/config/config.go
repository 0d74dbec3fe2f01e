package config

import (
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/limit"
)

// Config is one configuration file after parsing, with every default filled in and every value validated. It is
// immutable after Load has returned it. Fields marked dynamic take effect at a reload; all others are static and need a
// restart (S-2, S-3.4).
type Config struct {
	// Path is the file that was read, as given on the command line; a reload reads the same path (S-2.31).
	Path string
	// Hash is the lower-case hexadecimal SHA-256 of the bytes that were read, for `status` and drift reports.
	Hash string
	// Text is what was read, in which Located finds the lines of keys.
	Text []byte
	// AllowWildcardBind permits 0.0.0.0 and :: as bind addresses: the file's key OR-ed with the flag (S-1.3).
	AllowWildcardBind bool
	// HealthCheckPort is the TCP port of the health endpoint on 127.0.0.1; 0 disables it (S-9.1).
	HealthCheckPort int
	// HTTPSHealthPath is the path that HTTPS listeners answer with 200 for any Host; "" disables it. Dynamic.
	HTTPSHealthPath string
	// AdminSocketPath is the absolute path of the admin socket; "" disables it (S-10).
	AdminSocketPath string
	// ShutdownTimeout bounds the wait for requests in flight at shutdown (S-11.1).
	ShutdownTimeout time.Duration
	// ConnectionIdleTimeout closes a connection that has no request in flight (S-12.1).
	ConnectionIdleTimeout time.Duration
	// HeaderTimeout bounds a TLS handshake, and the arrival of one complete request head (S-12.4).
	HeaderTimeout time.Duration
	// BodyIdleTimeout ends an exchange in which no byte of a body has moved in either direction for that long (S-6.9).
	BodyIdleTimeout time.Duration
	// MaxConnections bounds the client connections open at once (S-12.2).
	MaxConnections int
	// MaxConnectionsPerClient is `max_connections_per_client`; 0 if it is not set. ConnectionShare is the effective
	// number.
	MaxConnectionsPerClient int
	// Sandbox reports whether the process gives up, after its start, the rights it no longer needs (S-4.7).
	Sandbox bool
	// Logging says what is logged, and where (S-8).
	Logging eventlog.Options
	// RateLimit is the token bucket that every client address gets. Dynamic (S-7).
	RateLimit limit.Config
	// Body bounds request bodies. Dynamic.
	Body Body
	// Store is where several machines share certificates and session tickets (S-20.5).
	Store Store
	// Maintenance holds the file's keys about maintenance, as the Settings of its sites inherit them. Dynamic.
	Maintenance Maintenance
	// RequestHeaders and ResponseHeaders are the file's rules for header fields. Those for responses apply to the responses
	// to requests that reach no site. Dynamic (S-19.3).
	RequestHeaders, ResponseHeaders *headers.Rules
	// Access is the file's `[access]`, as the Settings of its sites inherit it. Dynamic.
	Access *Access
	// Listeners are the served address and port pairs, in the order of the file; at least one.
	Listeners []Listener
	// Expects are the tests of the configuration. Dynamic (S-21.2).
	Expects []Expect
}

// The values of `sandbox`.
const (
	SandboxOn  = "on"
	SandboxOff = "off"
)

// DefaultAdminSocketPath is the admin socket's path if the file names none.
const DefaultAdminSocketPath = "/run/reverse-proxy/admin.sock"

// Body is the `[body]` table. All of it is dynamic.
type Body struct {
	// LimitBytes is the largest accepted request body, in bytes; 0 for no limit.
	LimitBytes int64
}

// Listener is one `[[listeners]]` entry: one or more addresses, each with an HTTPS port and a redirect port.
type Listener struct {
	// BindAddrs are the IP addresses to bind, as the file spells them; at least one. The first names the listener.
	BindAddrs []string
	// HTTPPort is the redirect port (S-13); 0 disables it.
	HTTPPort int
	// HTTPSPort is the port that serves the sites.
	HTTPSPort int
	// ProxyProtocol reports whether each connection must begin with a header of the PROXY protocol (S-15.3).
	ProxyProtocol bool
	// Clients says how the addresses of clients behind trusted proxies are found. Dynamic.
	Clients Clients
	// TLS says where the listener's certificates come from.
	TLS TLS
	// Sites are the hosts served here, with their upstreams. Dynamic.
	Sites []Site
}

// TLSMode is how a listener gets its certificates: one of the three constants below.
type TLSMode string

// The values of `listeners.tls.mode`.
const (
	// TLSModeACME orders certificates from an ACME server (S-5.4).
	TLSModeACME TLSMode = "acme"
	// TLSModeManual reads certificates from files (S-5.3).
	TLSModeManual TLSMode = "manual"
	// TLSModeSelfSigned makes a throw-away certificate in memory for the listener's site names.
	TLSModeSelfSigned TLSMode = "self_signed"
)

// TLS is the `[listeners.tls]` table. The paths are static, the contents of manual certificates dynamic.
type TLS struct {
	// Mode is where certificates come from.
	Mode TLSMode
	// ACMEDomains are the names to hold certificates for, lower-cased; at least one in ACME mode. Dynamic.
	ACMEDomains []string
	// ACMECacheDir is the directory of keys and certificates, of mode 0700. Listeners may share it.
	ACMECacheDir string
	// ACMEContact is the account's contact, a `mailto:` URL.
	ACMEContact string
	// ACMEDirectory is the directory URL of the CA; the words "production" and "staging" are already resolved.
	ACMEDirectory string
	// ACMECAPath is a PEM file of roots to trust for the ACME server itself; "" for the system's roots.
	ACMECAPath string
	// ACMEProfile is the certificate profile to order; "" for the CA's default.
	ACMEProfile string
	// ACMEEABKeyID and ACMEEABKeyFile bind the ACME account to an account that exists at the CA (RFC 8555, section
	// 7.3.4); both "" for no binding.
	ACMEEABKeyID, ACMEEABKeyFile string
	// ACMEStart is "all" or "available": whether a name without a certificate fails the start.
	ACMEStart string
	// ACMEStartTimeout bounds the orders of a start, and those of a reload.
	ACMEStartTimeout time.Duration
	// ACMEDNS says how DNS-01 challenges are answered; the zero value if they are not.
	ACMEDNS DNS01
	// Certificates are the pairs of manual mode: cert_path and key_path first, then `[[listeners.tls.certificates]]`.
	Certificates []CertificateFiles
}

// DNS01 says how the records that answer DNS-01 challenges get into the DNS (S-20.4). Only the fields of its method
// are set.
type DNS01 struct {
	// Method is one of the three constants below, or "" for no DNS-01.
	Method string
	// Bind is the address and port of the responder. Host is the name of this machine in its answers; "" for the name
	// in the question.
	Bind, Host string
	// Server is the address and port of a name server that accepts updates. Zone is the zone that holds the records;
	// "" for the one that the server reports.
	Server, Zone string
	// KeyName, KeyAlgorithm and KeyFile are the TSIG key of the updates.
	KeyName, KeyAlgorithm, KeyFile string
	// PresentURL and CleanUpURL are the URLs of a webhook. HeaderFile is a file with a header field for its requests,
	// or "".
	PresentURL, CleanUpURL, HeaderFile string
}

// The values of `acme_dns`.
const (
	DNSResponder = "responder"
	DNSUpdate    = "rfc2136"
	DNSWebhook   = "webhook"
)

// CertificateFiles names the two PEM files of one certificate in manual mode.
type CertificateFiles struct {
	// CertPath is the certificate chain, leaf first.
	CertPath string
	// KeyPath is the private key of the leaf.
	KeyPath string
}

// The values of `acme_start`.
const (
	ACMEStartAll       = "all"
	ACMEStartAvailable = "available"
)

// Site is one `[[listeners.sites]]` entry. All of it is dynamic.
type Site struct {
	// Host is the served name, lower-cased, without a port: a host name, or `*.` and a host name, which covers every
	// name one label below it.
	Host string
	// Aliases are further names of the site, like Host.
	Aliases []string
	// RedirectAliases reports whether requests for an alias are redirected to Host instead of being served. Host is then
	// not a wildcard.
	RedirectAliases bool
	// Upstreams get the requests that no route takes. If there are none, those requests get 404. A site without
	// routes has at least one.
	Upstreams Upstreams
	// ClientCerts says which certificates clients may or must have; nil if they are not asked for one.
	ClientCerts *ClientCerts
	// Settings apply to requests that no route takes.
	Settings
	// Routes are the routes of the site, in the order of the file, which has no meaning (S-14.2).
	Routes []Route
}

// Route is one `[[listeners.sites.routes]]` entry: which requests for the site it takes, and what is done with them. All
// of it is dynamic.
type Route struct {
	// Path is the path that the route takes, as the file spells it.
	Path string
	// Exact reports whether the route takes only Path itself; otherwise it also takes everything below.
	Exact bool
	// Methods are the methods that the route takes; nil for all.
	Methods []string
	// Exactly one of Upstreams, Redirect and Respond is set.

	// Upstreams get the route's requests. A route without an action of its own has the upstreams of its site.
	Upstreams Upstreams
	// StripPrefix reports whether Path is removed from the beginning of the forwarded path.
	StripPrefix bool
	// Redirect is the target of a redirect, with its placeholders.
	Redirect string
	// RedirectStatus is the status of the redirect; 0 without Redirect.
	RedirectStatus int
	// Respond is the status of a fixed answer; 0 for none.
	Respond int
	// RespondType is the Content-Type of a fixed answer; "" without a body.
	RespondType string
	// RespondFile is the path of the file that RespondBody comes from; "" for none.
	RespondFile string
	// RespondBody is the body of a fixed answer. A reload reads the file again.
	RespondBody []byte
	// Settings are those of the route, or those of its site where the route has none of its own.
	Settings
}

// Settings are the keys that a route has from its site, and a site from the file, unless it sets them itself (S-2.33).
type Settings struct {
	// UpstreamScheme is "http" or "https".
	UpstreamScheme string
	// UpstreamProtocol is "http1" or "http2".
	UpstreamProtocol string
	// UpstreamTLS applies to an https upstream.
	UpstreamTLS UpstreamTLS
	// UpstreamProxy is the version of the PROXY protocol that tells the upstream the client's address (S-15.4).
	UpstreamProxy ProxyVersion
	// ConnectTimeout bounds connecting to the upstream, its TLS handshake included (S-6.9).
	ConnectTimeout time.Duration
	// RequestTimeout bounds the time from the request's last byte sent to the response's head (S-6.9).
	RequestTimeout time.Duration
	// MaxConnections bounds the connections to the upstream, and is its share of the connections to all upstreams; 0
	// for no bound (S-12.6).
	MaxConnections int
	// Balance says how one of several upstreams is chosen for a request: one of the Balance constants.
	Balance string
	// Health says how upstreams are checked, and Retry when a request is tried at another upstream (S-18.2, S-18.3).
	Health Health
	Retry  Retry
	Limits
	// Maintenance says what clients get while the site is in maintenance (S-14.9).
	Maintenance Maintenance
	// RequestHeaders and ResponseHeaders are the rules for the fields of requests to the upstream, and of responses to
	// clients (S-19.2).
	RequestHeaders, ResponseHeaders *headers.Rules
	// Access says which clients are let in (S-16); nil if `[access]` is set nowhere.
	Access *Access
}

// The URLs of the two words that `acme_directory` accepts in place of a URL.
const (
	ACMEProductionURL = "https://acme-v02.api.letsencrypt.org/directory"
	ACMEStagingURL    = "https://acme-staging-v02.api.letsencrypt.org/directory"
)
