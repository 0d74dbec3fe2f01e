package proxy

import (
	"net/netip"

	"reverse-proxy/proxy/config"
)

// Protocol is the version of HTTP in which a client sent its request.
type Protocol uint8

// The protocols that listeners speak.
const (
	HTTP10 Protocol = iota
	HTTP11
	HTTP2
)

// Request is one client's request as the stages see it, whichever protocol brought it. The adapter in front fills it,
// the stages change Fields, and the upstream side sends it. Strings may point into a read buffer: they are valid until
// the exchange ends and are copied by whoever keeps them longer.
type Request struct {
	// Client is the peer's address as the socket has it, IPv4-mapped addresses unmapped; never taken from a header
	// (S-6.3). ClientText is the same as text.
	Client     netip.Addr
	ClientText string
	// Account is what the client holds of what all clients share (S-12.6).
	Account *clientAccount
	// Protocol is the version that the client spoke.
	Protocol Protocol
	// Method is the method, in the client's spelling.
	Method string
	// Target is the path and query byte for byte as they came, or `*`; the scheme and authority of an absolute-form
	// target are cut off (S-6.1, S-6.6).
	Target string
	// Authority is the host and optional port as the client sent them: from an absolute-form target, else from
	// `:authority`, else from Host; "" when there was none.
	Authority string
	// Port is the port of the listener that took the request, as text.
	Port string
	// AuthorityConflict reports whether the client named two different hosts, which is answered with 400 (S-6.1).
	AuthorityConflict bool
	// Fields are the field lines of the head without Host and without the framing (Content-Length,
	// Transfer-Encoding).
	Fields Fields
	// Cookies are values that are still to be joined to that of the cookie field. They are joined only where the request is
	// written out (S-12.8).
	Cookies []string
	// ContentLength is the length of the body in bytes; 0 for none, -1 when it is not known beforehand.
	ContentLength int64
	// Body is the body; nil when there is none.
	Body bodySource
	// TrailerNames are the names that the client announced in `Trailer`.
	TrailerNames []string
	// AcceptsTrailers reports whether the client's TE accepts trailers. It is set when TE is taken out of Fields.
	AcceptsTrailers bool
	// LastHop reports whether the request must not be forwarded: it is OPTIONS with `Max-Forwards: 0`.
	LastHop bool
	// Upgrade is the protocol that the client wants to switch to (S-6.11); "" for none.
	Upgrade string
	// Continue reports whether the client waits for 100 (Continue) before it sends its body.
	Continue bool
}

// headBytes returns about how long the head of the request is.
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

// bodySource is a request's body as an adapter gives it.
type bodySource interface {
	// read returns the next bytes, at most as many as there is room for, in the room or elsewhere; they are valid until
	// the next call. Where nothing has come yet it waits, or returns errNotReady if it may not. It returns io.EOF at the
	// body's end, also together with the last bytes. Errors that are the client's framing are a malformedBody.
	read(room []byte, wait bool) ([]byte, error)
	// trailers returns the trailer fields; it may be called when next has returned io.EOF.
	trailers() Fields
	// wholeLength returns the length of a body that nothing was read of yet, if its end has come and no trailers follow it.
	wholeLength() (length int64, ok bool)
}

// bodyAwaiter is a bodySource that can wait for bytes without room for them.
type bodyAwaiter interface {
	// await waits until a read will not wait, and returns how many bytes have come.
	await() int
}

// clientWriter is the client's side of one exchange, as the stages see it: the answer goes out through it. Its
// methods are called by one goroutine, but for Interrupt.
type clientWriter interface {
	// Inform sends an interim response (1xx). An empty reason stands for the registered phrase of the status.
	Inform(status int, reason string, fields Fields) error
	// Head sends the head of the final response. reason is as for Inform. length is that of the body, -1 when it is not known, and is sent
	// as Content-Length also where no body follows (HEAD, 304). closing ends the connection after the response
	// (HTTP/1), or the stream (HTTP/2), because the request's body was not read to its end (S-6.13).
	Head(status int, reason string, fields Fields, length int64, closing bool) error
	// Write sends bytes of the body.
	Write(p []byte) (int, error)
	// Flush sends at once what Head and Write have buffered.
	Flush() error
	// End ends the body, with trailer fields if there are any, and sends what is buffered.
	End(trailers Fields) error
	// Interrupt makes blocked reads of the request's body return with an error, and with writing also blocked Writes. It
	// may be called from another goroutine.
	Interrupt(writing bool)
	// Gone reports whether the client is known to have left, without blocking.
	Gone() bool
	// Moving reports whether bytes that were written have reached the client since the last call.
	Moving() bool
}

// hostOf returns the host that a request is for, lower-cased and without port or a final dot; "" when it named none,
// two different ones, or none that is valid (S-6.1).
func hostOf(r *Request) string {
	if r.AuthorityConflict {
		return ""
	}
	host, ok := config.SplitAuthority(r.Authority)
	if !ok {
		return ""
	}
	return host
}
