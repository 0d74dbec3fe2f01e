package http1

import "strings"

// SplitAuthority returns the host of a `host[:port]`, in lower case and without one final dot. ok is false for an empty
// host, a port that is not a number up to 65535, user information, and characters that no host name or address has (RFC
// 3986, section 3.2.2, without percent-encoding, which DNS names do not have).
func SplitAuthority(authority string) (host string, ok bool) {
	host = authority
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 || !validPortSuffix(host[end+1:]) || !onlyBytes(host[1:end], isIPv6Byte) || end == 1 {
			return "", false
		}
		return lowerASCII(host[:end+1]), true
	}
	if colon := strings.IndexByte(host, ':'); colon >= 0 {
		if !validPortSuffix(host[colon:]) {
			return "", false
		}
		host = host[:colon]
	}
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 || !onlyBytes(host, isNameByte) {
		return "", false
	}
	if host[0] == '.' || host[len(host)-1] == '.' || strings.Contains(host, "..") {
		return "", false // an empty label
	}
	return lowerASCII(host), true
}

func isIPv6Byte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == ':' || c == '.'
}

// isNameByte accepts the underscore too. No valid host name has one, but DNS serves such names and clients use them. A
// request for such a name is for an unknown host (404), not malformed.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}

// onlyBytes reports whether ok holds for every byte of s.
func onlyBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// lowerASCII returns s with A–Z in lower case. If s has no capital letter, it returns s itself, without an allocation.
func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}
