package proxy

import "strings"

// hopByHop are the fields that concern one connection only and are not forwarded in either direction (S-6.4; RFC 9110,
// section 7.6.1). Transfer-Encoding and Trailer belong to the framing, which each side has of its own.
var hopByHop = [...]string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
}

// removeHopByHop removes the hop-by-hop fields and all that Connection names.
func removeHopByHop(fields *Fields) {
	var named []string
	fields.EachToken("Connection", func(token string) { named = append(named, token) })
	fields.Remove(func(field Field) bool {
		return containsFold(hopByHop[:], field.Name) || containsFold(named, field.Name)
	})
}

// containsFold reports whether the list holds the name, in any case.
func containsFold(list []string, name string) bool {
	for _, entry := range list {
		if strings.EqualFold(entry, name) {
			return true
		}
	}
	return false
}
