package headers

// The proxy sets these fields on forwarded requests (S-6.3).
const (
	RealIP         = "X-Real-IP"
	ForwardedFor   = "X-Forwarded-For"
	ForwardedProto = "X-Forwarded-Proto"
	ForwardedHost  = "X-Forwarded-Host"
	ForwardedPort  = "X-Forwarded-Port"
	// ClientCertSubject and ClientCertFingerprint are set only for a client with a certificate (S-16.4).
	ClientCertSubject     = "X-Client-Cert-Subject"
	ClientCertFingerprint = "X-Client-Cert-Fingerprint"
	// ForwardedPrefix is set only if the beginning of the path is not forwarded (S-14.4).
	ForwardedPrefix = "X-Forwarded-Prefix"
)

// believed are the fields that no client may send, not even with `_` or another mark in place of `-`: CGI, WSGI and the like
// turn both into the same variable (S-6.12). The list has the fields that the proxy sets and the fields that frameworks
// trust whoever sent them. Proxy would become HTTP_PROXY in a CGI environment. A new name is added only here: the lookup
// table and the names that no rule can have are made from this list.
var believed = []string{
	RealIP, "X-Forwarded-*", "Forwarded", "Proxy",
	"X-Client-Cert-*",
	"X-Original-URL", "X-Rewrite-URL", "X-Client-IP", "True-Client-IP", "Front-End-Https",
	"Host", "Content-Length", "Transfer-Encoding", // a request keeps the real ones outside its list of fields, so only variants match
}

// hopByHop are the fields that concern only one connection and are not forwarded in either direction (S-6.4; RFC 9110,
// section 7.6.1). Transfer-Encoding and Trailer belong to the framing, which each side chooses for itself.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
}

// concealed are the upstreams' fields that are never passed to clients (S-6.5). Alt-Svc names the upstream's own ports. A
// rule can still set them, because the operator then chose the value.
var concealed = []string{"Server", "Alt-Svc"}

// credentials are the fields by which the rules of access, and upstreams, tell users apart. A client sends them in the head of
// a request. In its trailers they would come after the rules have decided, and some servers merge trailers with the head.
var credentials = []string{"Authorization", "Cookie"}

// The sets of these names never change.
var (
	// Believed are the fields that no client may send.
	Believed = NewNameSet(true, believed)
	// HopByHop are the fields that concern only one connection.
	HopByHop = NewNameSet(false, hopByHop)
	// Concealed are the upstreams' fields that are never passed to clients.
	Concealed = NewNameSet(false, concealed)
	// Credentials are the fields of a request by which users are told apart.
	Credentials = NewNameSet(false, credentials)
)
