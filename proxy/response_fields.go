package proxy

// concealedFields are the upstreams' fields that are never passed to clients (S-6.5). Alt-Svc names the upstream's own
// ports.
var concealedFields = []string{"Server", "Alt-Svc"}

var concealed = newFieldSet(false, concealedFields) // never written to

// cleanResponse removes the fields that clients must not get from an upstream's response: from its head, from the
// interim responses before it, and from its trailers.
func cleanResponse(fields *Fields) { removeHopByHop(fields, concealed) }

// maxReasonBytes bounds the reason phrase that is passed on.
const maxReasonBytes = 128

// passedReason returns the reason phrase for the client, given the upstream's, whose bytes are valid; "" means the
// registered one. Only HTTP/1.1 has reason phrases.
func passedReason(reason string) string {
	if len(reason) > maxReasonBytes {
		return ""
	}
	return reason
}
