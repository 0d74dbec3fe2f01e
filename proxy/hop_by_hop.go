package proxy

import (
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
)

// removeHopByHop removes the hop-by-hop fields, all fields that Connection names, and those in also. It removes fields
// without a name too, although no codec lets one pass.
func removeHopByHop(fields *Fields, also *headers.NameSet) {
	var names [4]string // enough for ordinary messages, without an allocation
	named := names[:0]
	for _, field := range *fields {
		if !isConnection(field.Name) {
			continue
		}
		for list := field.Value; list != ""; {
			var token string
			token, list = http1.NextToken(list)
			if token != "" && !http1.EqualFold(token, "close") && !http1.EqualFold(token, "keep-alive") {
				named = append(named, token)
			}
		}
	}
	kept := (*fields)[:0]
	for _, field := range *fields {
		if field.Name != "" && !headers.HopByHop.Has(field.Name) && !also.Has(field.Name) && !containsFold(named, field.Name) {
			kept = append(kept, field)
		}
	}
	*fields = kept
}

func isConnection(name string) bool { return len(name) == 10 && http1.EqualFold(name, "Connection") }

// containsFold reports whether the list holds the name, in any case.
func containsFold(list []string, name string) bool {
	for _, entry := range list {
		if len(entry) == len(name) && http1.EqualFold(entry, name) {
			return true
		}
	}
	return false
}
