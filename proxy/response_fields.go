package proxy

import "reverse-proxy/proxy/headers"

// cleanResponse removes the fields that clients must not get from an upstream's response: from its head, from the
// interim responses before it, and from its trailers.
func cleanResponse(fields *Fields) { removeHopByHop(fields, headers.Concealed) }

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
