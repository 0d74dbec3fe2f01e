package proxy

import (
	"math"
	"strconv"

	"reverse-proxy/proxy/http1"
)

// countForwards decrements Max-Forwards. A value that is not a number is passed on unchanged.
func (r *Request) countForwards() {
	for i := range r.Fields {
		if field := &r.Fields[i]; http1.EqualFold(field.Name, "Max-Forwards") {
			if left, ok := parseForwards(field.Value); ok && left > 0 {
				field.Value = strconv.Itoa(left - 1)
			}
		}
	}
}

// isAtLastHop reports whether an OPTIONS request must not be forwarded, because it has a Max-Forwards of 0 (RFC 9110, section
// 7.6.2).
func (r *Request) isAtLastHop() bool {
	for i := range r.Fields {
		if field := &r.Fields[i]; http1.EqualFold(field.Name, "Max-Forwards") {
			if left, ok := parseForwards(field.Value); ok && left == 0 {
				return true
			}
		}
	}
	return false
}

// parseForwards parses the value of Max-Forwards, capped at a value larger than any useful one. It accepts only digits.
func parseForwards(value string) (forwards int, ok bool) {
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		forwards = min(forwards*10+int(c-'0'), math.MaxInt32+1)
	}
	return forwards, value != ""
}
