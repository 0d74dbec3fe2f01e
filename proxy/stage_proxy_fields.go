package proxy

import (
	"strings"
)

// The fields that the proxy sets on what it forwards (S-6.3).
const (
	fieldRealIP         = "X-Real-IP"
	fieldForwardedFor   = "X-Forwarded-For"
	fieldForwardedProto = "X-Forwarded-Proto"
	fieldForwardedHost  = "X-Forwarded-Host"
)

// replaced are the fields that no client may bring: those that the proxy sets, and those that an application could take
// for them. Proxy would become HTTP_PROXY in a CGI environment (S-6.12).
var replaced = [...]string{
	fieldRealIP, fieldForwardedFor, fieldForwardedProto, fieldForwardedHost, "Forwarded", "Proxy",
}

// proxyFields makes the request's fields those that the upstream is to see. Hop-by-hop fields go first, so that a client
// cannot remove what the proxy sets by naming it in Connection.
func (p *pipeline) proxyFields(x *exchange) *answer {
	r := x.request
	trailers := r.Fields.HasToken("TE", "trailers")
	removeHopByHop(&r.Fields)
	r.Fields.Remove(func(field Field) bool { return isReplaced(field.Name) })
	if trailers {
		r.Fields.Add("TE", "trailers")
	}
	r.Fields.Add(fieldRealIP, r.ClientText)
	r.Fields.Add(fieldForwardedFor, r.ClientText)
	r.Fields.Add(fieldForwardedProto, "https")
	r.Fields.Add(fieldForwardedHost, r.Authority)
	return nil
}

// isReplaced reports whether a client's field is one of the replaced ones, or differs from one only by `_` for `-`:
// CGI, WSGI and their kin turn both into the same variable (S-6.12).
func isReplaced(name string) bool {
	switch len(name) {
	case 5, 9, 15, 16, 17: // the lengths of the names in question
	default:
		return false
	}
	for _, ours := range replaced {
		if len(name) == len(ours) && equalFoldUnderscore(name, ours) {
			return true
		}
	}
	return false
}

// equalFoldUnderscore is EqualFold with `_` in name taken for `-`. Both have the same length.
func equalFoldUnderscore(name, ours string) bool {
	for i := range len(name) {
		a, b := name[i], ours[i]
		if a == '_' {
			a = '-'
		}
		if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

// forbiddenTrailer reports whether a field may not stand in a trailer section that is passed on: framing, routing,
// hop-by-hop fields, and what the proxy itself vouches for (RFC 9110, section 6.5.1).
func forbiddenTrailer(field Field) bool {
	return isHopByHop(field.Name) || isReplaced(field.Name) ||
		strings.EqualFold(field.Name, "Host") || strings.EqualFold(field.Name, "Content-Length")
}
