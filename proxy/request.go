package proxy

import (
	"net/netip"
	"slices"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
)

// Protocol is the version of HTTP in which a client sent its request.
type Protocol uint8

// These are the protocols that listeners speak.
const (
	HTTP10 Protocol = iota
	HTTP11
	HTTP2
)

// Request is one client's request as the stages see it, independent of its protocol. The protocol's adapter fills it, the
// stages change Fields, and the upstream side sends it. Strings may point into a read buffer: they are valid until the
// exchange ends, and code that keeps them longer copies them.
type Request struct {
	// Client is the address of the client: that of the peer, or of the client that a trusted peer speaks for (S-15.1).
	// Limits, logs, address lists and header fields use it. IPv4-mapped addresses are unmapped. ClientText is the same
	// address as text.
	Client     netip.Addr
	ClientText string
	// Peer is the address of the connection's peer, for the log. Nothing else may use it.
	Peer netip.Addr
	// Addrs are the addresses of the client's connection; nil for a request without one.
	Addrs *connAddrs
	// Account is the client's use of the resources that all clients share (S-12.6).
	Account *clientAccount
	// Identity is what the handshake has found out about the client's certificate; nil if the handshake was for a site
	// that asks for none.
	Identity *clientIdentity
	// Protocol is the version that the client spoke.
	Protocol Protocol
	// Method is the method, in the client's spelling.
	Method string
	// Target is the path and query byte for byte as they came, or `*`; the scheme and authority of an absolute-form
	// target are cut off (S-6.1, S-6.6).
	Target string
	// Authority is the host and optional port as the client sent them: from an absolute-form target, else from
	// `:authority`, else from Host; "" if there was none.
	Authority string
	// Plain reports whether the request came over plain HTTP to a port for HTTPS.
	Plain bool
	// Port is the port of the listener that took the request, as text.
	Port string
	// AuthorityConflict reports whether the client named two different hosts, which is answered with 400 (S-6.1).
	AuthorityConflict bool
	// Fields are the field lines of the head without Host and without the framing (Content-Length,
	// Transfer-Encoding).
	Fields Fields
	// Rules are the rules that were applied to Fields, and that hold for the trailers too; nil for none.
	Rules *headers.Rules
	// Owned holds a further name that no client may send, not even as a trailer: the name of the field in which the
	// listener's trusted proxies name the client; nil for none.
	Owned *headers.NameSet
	// Vouched are the fields that say who has passed the rules of access; nil for none. Those that the client has sent
	// are removed from Fields and from the trailers.
	Vouched *headers.NameSet
	// Cookies are further values of the cookie field. They are joined to its value only when the request is written out
	// (S-12.8).
	Cookies []string
	// ContentLength is the length of the body in bytes; 0 for none, -1 if it is not known in advance.
	ContentLength int64
	// Body is the body, or nil.
	Body bodySource
	// TrailerNames are the names that the client announced in `Trailer`.
	TrailerNames []string
	// AcceptsTrailers reports whether the client's TE accepts trailers. It is set when TE is removed from Fields.
	AcceptsTrailers bool
	// Upgrade is the protocol that the client wants to switch to (S-6.11); "" for none.
	Upgrade string
	// Continue reports whether the client waits for 100 (Continue) before it sends its body.
	Continue bool
}

// otherPeer returns the address of the connection's peer if that is not the client; otherwise the zero Addr.
func (r *Request) otherPeer() netip.Addr {
	if r.Peer == r.Client {
		return netip.Addr{}
	}
	return r.Peer
}

// forbid removes the fields with these names, and the names from the announced trailers.
func (r *Request) forbid(names *headers.NameSet) {
	r.Fields.Remove(func(field Field) bool { return names.Has(field.Name) })
	r.TrailerNames = slices.DeleteFunc(r.TrailerNames, names.Has)
}

// headBytes returns the approximate length of the request's head.
func (r *Request) headBytes() int {
	n := len(r.Method) + len(r.Target) + len(r.Authority)
	for i := range r.Fields {
		n += len(r.Fields[i].Name) + len(r.Fields[i].Value) + len(": \r\n")
	}
	for _, value := range r.Cookies {
		n += len(value) + len("; ")
	}
	return n
}

// bodySource is a request's body as a protocol's adapter provides it.
type bodySource interface {
	// read returns the next bytes, at most as many as room holds, in room or elsewhere; they are valid until the next call.
	// If nothing has arrived yet, it waits, or returns errNotReady if wait is false. It returns io.EOF at the end of the
	// body, possibly together with the last bytes. Errors in the client's framing are a malformedBody.
	read(room []byte, wait bool) ([]byte, error)
	// trailers returns the trailer fields; it may be called once read has returned io.EOF.
	trailers() Fields
	// wholeLength returns the length of a body that has not been read at all, if its end has arrived and no trailers
	// follow.
	wholeLength() (length int64, ok bool)
}

// bodyAwaiter is a bodySource that can wait for bytes without room for them.
type bodyAwaiter interface {
	// await waits until a read would not wait, or at least until something has arrived. It returns how many bytes of
	// the body have arrived, or -1 if that is not known.
	await() int
}

// bufferHolder holds a buffer that it does not need while a client is waited for.
type bufferHolder interface {
	// setAside returns the buffer, which is empty, to its pool.
	setAside()
	// accepts says how many bytes the client accepts at present. While many responses wait for their clients, the next
	// read takes little more than n.
	accepts(n int64)
}

// clientWriter is the client's side of one exchange, as the stages see it: they write the answer to it. Its methods are
// called by one goroutine, except Interrupt.
type clientWriter interface {
	// Inform sends an interim response (1xx). An empty reason means the registered phrase of the status.
	Inform(status int, reason string, fields Fields) error
	// Head sends the head of the final response. reason is as for Inform. length is the length of the body, or -1 if it is
	// not known; it is sent as Content-Length even if no body follows (HEAD, 304). closing ends the connection (HTTP/1) or
	// the stream (HTTP/2) after the response, because the request's body was not read to its end (S-6.13).
	Head(status int, reason string, fields Fields, length int64, closing bool) error
	// Misdirected is called before the head of an answer of 421. A client whose handshake named the host would keep
	// sending requests for it on this connection. Misdirected then makes the client open another one, by the means of
	// the protocol.
	Misdirected(host string)
	// Write sends bytes of the body.
	Write(p []byte) (int, error)
	// Flush sends what Head and Write have buffered.
	Flush() error
	// AwaitRoom is called after Flush. While the client is known to take nothing, AwaitRoom waits, and the holder's
	// buffer is set aside.
	AwaitRoom(holder bufferHolder) error
	// End ends the body, with trailer fields if there are any, and sends what is buffered.
	End(trailers Fields) error
	// Interrupt makes blocked reads of the request's body return with an error. If writing is set, it does the same to
	// blocked Writes. It may be called from another goroutine.
	Interrupt(writing bool)
	// Resume takes back an Interrupt that came too late to interrupt a Write.
	Resume()
	// Gone reports whether the client is known to have left, without blocking.
	Gone() bool
	// Progressed reports whether written bytes have reached the client since the last call.
	Progressed() bool
}

// hostOf returns the host that a request is for, lower-cased and without port or a final dot. It is "" if the request named
// no host, two different ones, or an invalid one (S-6.1).
func hostOf(r *Request) string {
	if r.AuthorityConflict {
		return ""
	}
	host, ok := http1.SplitAuthority(r.Authority)
	if !ok {
		return ""
	}
	return host
}
