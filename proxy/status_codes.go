package proxy

import "net/http"

// These are the statuses that the proxy answers with itself or that its log shows. 499 is nginx's: the client went away
// before there was a response; it is logged and never sent.
const (
	statusOK                 = http.StatusOK
	statusBadRequest         = http.StatusBadRequest
	statusNotFound           = http.StatusNotFound
	statusMethodNotAllowed   = http.StatusMethodNotAllowed
	statusRequestTimeout     = http.StatusRequestTimeout
	statusPayloadTooLarge    = http.StatusRequestEntityTooLarge
	statusTooManyRequests    = http.StatusTooManyRequests
	statusHeadTooLarge       = http.StatusRequestHeaderFieldsTooLarge
	statusClientGone         = 499
	statusBadGateway         = http.StatusBadGateway
	statusGatewayTimeout     = http.StatusGatewayTimeout
	statusServiceUnavailable = http.StatusServiceUnavailable
)

// statusBody returns the body of an answer: the status text, and nothing about version, upstream or cause (S-6, Errors).
func statusBody(status int) string {
	switch status {
	case statusOK:
		return ""
	case statusPayloadTooLarge:
		return "Payload Too Large" // the standard library has the older name of RFC 2616
	}
	return http.StatusText(status)
}

// mayHaveBody reports whether a final response with the status may have a body (RFC 9110, section 15).
func mayHaveBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusResetContent && status != http.StatusNotModified
}
