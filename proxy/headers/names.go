package headers

// These are the fields that the proxy sets on forwarded requests (S-6.3).
const (
	RealIP         = "X-Real-IP"
	ForwardedFor   = "X-Forwarded-For"
	ForwardedProto = "X-Forwarded-Proto"
	ForwardedHost  = "X-Forwarded-Host"
	ForwardedPort  = "X-Forwarded-Port"
	// ClientCertSubject and ClientCertFingerprint are set only for a client with a certificate (S-16.4).
	ClientCertSubject     = "X-Client-Cert-Subject"
	ClientCertFingerprint = "X-Client-Cert-Fingerprint"
	// ForwardedPrefix is set only if a part of the path is not forwarded (S-14.4).
	ForwardedPrefix = "X-Forwarded-Prefix"
)

// believed are the fields that no client may send, nor with `_` or another mark for `-`: CGI, WSGI and the like turn both
// into the same variable (S-6.12). They are the fields that the proxy sets and those that frameworks believe from any proxy. Proxy would
// become HTTP_PROXY in a CGI environment. To add a name, add it here: the look-up table and the names that no rule can have
// are made from this list.
var believed = []string{
	RealIP, "X-Forwarded-*", "Forwarded", "Proxy",
	"X-Client-Cert-*",
	"X-Original-URL", "X-Rewrite-URL", "X-Client-IP", "True-Client-IP", "Front-End-Https",
	"Host", "Content-Length", "Transfer-Encoding", // the real ones are not among the fields of a request, so that only variants match
}

// hopByHop are the fields that concern only one connection and are not forwarded in either direction (S-6.4; RFC 9110,
// section 7.6.1). Transfer-Encoding and Trailer belong to the framing, which each side does for itself.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
}

// concealed are the upstreams' fields that are never passed to clients (S-6.5). Alt-Svc names the upstream's own ports. A
// rule can set them: then they are the operator's.
var concealed = []string{"Server", "Alt-Svc"}

// The sets of these names. They are never written to.
var (
	// Believed are the fields that no client may send.
	Believed = NewNameSet(true, believed)
	// HopByHop are the fields that concern only one connection.
	HopByHop = NewNameSet(false, hopByHop)
	// Concealed are the upstreams' fields that are never passed to clients.
	Concealed = NewNameSet(false, concealed)
)
