package proxy

import "reverse-proxy/proxy/http1"

// upstreamFate is what happens to an upstream connection after a call. A larger value allows more.
type upstreamFate uint8

// These are the fates of a connection.
const (
	// fateClose closes a connection that has ended, or on which something may be left.
	fateClose upstreamFate = iota
	// fatePin keeps the connection for further requests on the same client connection only.
	fatePin
	// fateReuse lets any client use the connection.
	fateReuse
)

// upstreamUse describes what a call has done to a connection, as far as it affects the connection's fate.
type upstreamUse struct {
	// ownConnection reports whether the client has a connection that carries one exchange at a time (HTTP/1.1). The
	// upstream's connection can be pinned to such a connection. pinned reports whether it has been pinned, or has begun
	// with a header that names its client.
	ownConnection, pinned bool

	// authenticates reports whether the request has credentials that authenticate the connection.
	authenticates bool
	// strayBody reports whether the request had a body although its method defines none. An upstream that does not read
	// the body takes it for the next request.
	strayBody bool
	// expects reports whether the upstream was told to expect a body (Expect: 100-continue). invited reports whether it
	// asked for the body. An upstream that answers without asking may or may not read the body (RFC 9110, section
	// 10.1.1).
	expects, invited bool
	// unsent reports whether part of the request was not sent. early reports whether the final response came before all
	// of it was.
	unsent, early bool

	// offers reports whether the response offers a scheme that authenticates the connection, or says that such a scheme
	// has done so.
	offers bool
	// unfinished reports whether the response was not read to an end that leaves the connection open. closing reports
	// whether the upstream closes it.
	unfinished, closing bool
	// surplus reports whether bytes follow the response.
	surplus bool
	// cancelled reports whether the call was cancelled, which means that another goroutine may be about to interrupt
	// the connection.
	cancelled bool
}

// fate decides whether another request may use the connection: only if nothing of this one can be left on it (S-6.15).
func (u upstreamUse) fate() upstreamFate {
	switch {
	case u.cancelled, u.unsent, u.unfinished, u.closing: // the connection is not between two messages
		return fateClose
	case u.early, u.surplus, u.strayBody, u.expects && !u.invited: // the two sides may disagree where the next message begins
		return fateClose
	case u.authenticates, u.offers, u.pinned: // the connection may be authenticated for one client
		if u.ownConnection {
			return fatePin
		}
		return fateClose
	}
	return fateReuse
}

// isStrayBody reports whether a method defines no meaning for a body (RFC 9110, section 9.3).
func isStrayBody(method string) bool {
	switch method {
	case "GET", "HEAD", "DELETE", "OPTIONS":
		return true
	}
	return false
}

// authenticatesConnection reports whether a request has credentials of a scheme that authenticates the connection
// instead of the request. All lines count, because the upstream may choose any of them.
func authenticatesConnection(fields Fields) bool {
	for i := range fields {
		if len(fields[i].Name) == len("Authorization") && http1.EqualFold(fields[i].Name, "Authorization") &&
			namesConnectionScheme(fields[i].Value) {
			return true
		}
	}
	return false
}

// offersConnectionAuth reports whether a response offers such a scheme, or says whether the connection stays authenticated
// (Persistent-Auth), which only an upstream with such a scheme does.
func offersConnectionAuth(fields Fields) bool {
	for i := range fields {
		switch name := fields[i].Name; len(name) {
		case len("WWW-Authenticate"):
			if http1.EqualFold(name, "WWW-Authenticate") && namesConnectionScheme(fields[i].Value) {
				return true
			}
		case len("Persistent-Auth"):
			if http1.EqualFold(name, "Persistent-Auth") {
				return true
			}
		}
	}
	return false
}

// namesConnectionScheme reports whether a member of a list of challenges or credentials begins with NTLM or Negotiate.
// A comma within a quoted string counts too, and everything before the first letter is skipped. A false positive costs
// a connection; a false negative gives one user's identity to another.
func namesConnectionScheme(list string) bool {
	for i := 0; i < len(list); {
		for i < len(list) && !isLetter(list[i]) {
			i++
		}
		start := i
		for i < len(list) && isLetter(list[i]) {
			i++
		}
		if scheme := list[start:i]; (i == len(list) || !isSchemeByte(list[i])) &&
			(http1.EqualFold(scheme, "NTLM") || http1.EqualFold(scheme, "Negotiate")) {
			return true
		}
		for i < len(list) && list[i] != ',' {
			i++
		}
	}
	return false
}

// isLetter reports whether a byte is an ASCII letter.
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isSchemeByte reports whether a byte after some letters makes them the beginning of a longer scheme name.
func isSchemeByte(c byte) bool {
	return isLetter(c) || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '+'
}
