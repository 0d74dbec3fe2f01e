package http1

import "strings"

// EqualFold reports whether two strings are equal except for the case of ASCII letters. Names, tokens and hosts are
// compared like this. strings.EqualFold would also treat U+212A, the Kelvin sign, as a k.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if x, y := a[i], b[i]; x != y && (x^y != 0x20 || !isLetter(x)) {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

// NextToken splits the first element off a comma-separated list, without the white space around it (RFC 9110, section
// 5.6.1). The element may be empty. rest is "" after the last one. NextToken does not know quoted strings, in which a
// comma does not separate: no list that a proxy reads contains any.
func NextToken(list string) (token, rest string) {
	if comma := strings.IndexByte(list, ','); comma >= 0 {
		list, rest = list[:comma], list[comma+1:]
	}
	return trimSpace(list), rest
}

// HasToken reports whether a comma-separated list contains the token, compared case-insensitively.
func HasToken(list, token string) bool {
	for list != "" {
		var element string
		if element, list = NextToken(list); element != "" && EqualFold(element, token) {
			return true
		}
	}
	return false
}

// trimSpace removes optional white space from both ends (RFC 9110, section 5.6.3).
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
