package http2

// manner is how a field is sent.
type manner uint8

const (
	indexed manner = iota // added to the table: it is likely to come again
	varies                // not added: it differs from response to response
	never                 // not added, and no intermediary may add it either (RFC 7541, section 7.1.3)
)

const (
	// staticEntries is the number of entries of the static table (RFC 7541, appendix A).
	staticEntries       = 61
	staticContentLength = 28
)

// lookUp returns the index of a name in the static table, or 0, and how such a field is sent. Cookies and credentials
// never go into the dynamic table: an attacker who can put values next to them there could guess them byte by byte.
func lookUp(name []byte) (index int, how manner) {
	switch string(name) {
	case "accept-ranges":
		return 18, indexed
	case "access-control-allow-origin":
		return 20, indexed
	case "age":
		return 21, varies
	case "allow":
		return 22, indexed
	case "authorization":
		return 23, never
	case "cache-control":
		return 24, indexed
	case "content-disposition":
		return 25, varies
	case "content-encoding":
		return 26, indexed
	case "content-language":
		return 27, indexed
	case "content-length":
		return staticContentLength, varies
	case "content-location":
		return 29, varies
	case "content-range":
		return 30, varies
	case "content-type":
		return 31, indexed
	case "date": // the same for all responses of a second
		return 33, indexed
	case "etag":
		return 34, varies
	case "expires":
		return 36, indexed
	case "last-modified":
		return 44, varies
	case "link":
		return 45, indexed
	case "location":
		return 46, varies
	case "proxy-authenticate":
		return 48, never
	case "refresh":
		return 52, indexed
	case "retry-after":
		return 53, varies
	case "server":
		return 54, indexed
	case "set-cookie":
		return 55, never
	case "strict-transport-security":
		return 56, indexed
	case "vary":
		return 59, indexed
	case "via":
		return 60, indexed
	case "www-authenticate":
		return 61, never
	case "proxy-authorization":
		return 49, never
	case "x-request-id", "x-trace-id", "x-amz-request-id", "x-runtime", "server-timing", "cf-ray", "x-csrf-token":
		return 0, varies
	}
	return 0, indexed
}
