package proxy

// concealedFields are the fields of upstreams that no client gets (S-6.5). Alt-Svc speaks of the upstream's own ports.
var concealedFields = []string{"Server", "Alt-Svc"}

var concealed = newFieldSet(false, concealedFields) // never written to

// cleanResponse removes what no client gets from the fields of an upstream's response: of its head, of the interim ones
// before it, and of its trailers.
func cleanResponse(fields *Fields) { removeHopByHop(fields, concealed) }

// maxReasonBytes bounds the reason phrase that is passed on.
const maxReasonBytes = 128

// passedReason returns the reason phrase for the client of one that an upstream has sent, whose bytes are valid; "" stands
// for the registered one. Only HTTP/1.1 has reason phrases.
func passedReason(reason string) string {
	if len(reason) > maxReasonBytes {
		return ""
	}
	return reason
}
