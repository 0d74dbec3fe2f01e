package http1

// The functions below check parts of a message for a codec that receives them in another form (proxy/http2). What is
// valid in one version of HTTP must be valid in the other, or a request could be smuggled from one into the other.

// ValidAuthority reports whether s is a host with an optional port, as in a Host field or the authority of a target:
// not empty, without user information and without percent-encoding.
func ValidAuthority(s string) bool { return validAuthority(s) }

// ValidPathQuery reports whether s is a path that begins with a slash, with an optional query, as in a request target:
// without control characters, spaces and fragments.
func ValidPathQuery(s string) bool {
	if s == "" || s[0] != '/' || len(s) > MaxTargetBytes {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return validPathQuery(s)
}

// ValidMethod reports whether s is a method that a request line may contain.
func ValidMethod(s string) bool { return len(s) <= MaxMethodBytes && isToken(s) }

// ValidToken reports whether s is a token, as field names and list options are (RFC 9110, section 5.6.2).
func ValidToken(s string) bool { return isToken(s) }

// ValidLowerName reports whether s is a field name without a capital letter, as HTTP/2 requires (RFC 9113, section
// 8.2.1).
func ValidLowerName(s string) bool {
	for i := range len(s) {
		if class[s[i]]&classToken == 0 || 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return s != ""
}

// ValidValue reports whether s is a field value without white space around it and without control characters except the
// tab (RFC 9110, section 5.5).
func ValidValue(s string) bool {
	if s == "" {
		return true
	}
	if first, last := s[0], s[len(s)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	for i := range len(s) {
		if class[s[i]]&classText == 0 {
			return false
		}
	}
	return true
}

// ParseLength parses a Content-Length: digits only, one number, at most 2^63-1.
func ParseLength(s string) (length int64, ok bool) { return parseLength(s) }
