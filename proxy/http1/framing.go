package http1

import (
	"math"
	"strings"
)

// parseLength parses a Content-Length: digits only, one number, at most 2^63-1 (RFC 9110, section 8.6). strconv would
// accept a sign, and copies its input into its error.
func parseLength(s string) (length int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 || length > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		length = length*10 + digit
	}
	return length, true
}

// checkCoding accepts the one transfer coding that a proxy must implement: a single `chunked` (RFC 9112, section 6.1).
// Other codings before it are valid but not implemented here: 501. Malformed lists, and lists in which chunked is not
// the last, occurs twice or has a parameter, are used for smuggling: 400. So is an empty element, which a recipient may
// skip but not all do.
func checkCoding(value string) *Error {
	if EqualFold(value, "chunked") {
		return nil
	}
	chunked := false
	for rest, more := value, true; more; {
		var element string
		more = strings.IndexByte(rest, ',') >= 0
		element, rest = NextToken(rest)
		name := element
		if semicolon := strings.IndexByte(element, ';'); semicolon >= 0 {
			name = trimSpace(element[:semicolon])
		}
		if !isToken(name) || chunked {
			return reject(400, "malformed Transfer-Encoding")
		}
		chunked = EqualFold(name, "chunked")
		if chunked && len(name) != len(element) {
			return reject(400, "malformed Transfer-Encoding")
		}
	}
	return reject(501, "unknown transfer coding")
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if class[s[i]]&classToken == 0 {
			return false
		}
	}
	return s != ""
}
