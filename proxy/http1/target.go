package http1

import "strings"

// setTarget checks a request target without spaces and control characters, and splits it (RFC 9112, section 3.2). It
// accepts the authority-form only with CONNECT, the asterisk only with OPTIONS, and the absolute-form only with http
// and https.
func (r *Request) setTarget(target string) *Error {
	r.PathQuery = target
	switch {
	case r.Method == "CONNECT":
		// The port is required. A bracket or a colon at the end means that it is missing.
		if last := target[len(target)-1]; !isDigit(last) || strings.IndexByte(target, ':') < 0 || !validAuthority(target) {
			return reject(400, "target of CONNECT is not host:port")
		}
		r.Authority, r.PathQuery = target, ""
		return nil
	case target == "*":
		if r.Method != "OPTIONS" {
			return reject(400, "target * without OPTIONS")
		}
		return nil
	case target[0] != '/':
		rest := cutScheme(target)
		if rest == "" {
			return reject(400, "malformed target")
		}
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		r.Authority, r.PathQuery = rest[:end], rest[end:]
		if !validAuthority(r.Authority) {
			return reject(400, "malformed authority in target")
		}
	}
	if !validPathQuery(r.PathQuery) {
		return reject(400, "malformed target")
	}
	return nil
}

// cutScheme returns the rest after http:// or https:// in any case, and "" for anything else.
func cutScheme(target string) string {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) > len(scheme) && EqualFold(target[:len(scheme)], scheme) {
			return target[len(scheme):]
		}
	}
	return ""
}

// validPathQuery reports whether s is a valid path and query of a target. A percent sign in a path must begin an
// encoded byte. A query may contain any percent sign, because real links do. A fragment does not belong in a target,
// and readers differ in how they handle one.
func validPathQuery(s string) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&classPath != 0 {
			continue
		}
		switch s[i] {
		case '%':
			if i+2 >= len(s) || class[s[i+1]]&class[s[i+2]]&classHex == 0 {
				return false
			}
			i += 2
		case '?':
			return strings.IndexByte(s[i:], '#') < 0
		default:
			return false
		}
	}
	return true
}

// AppendTarget appends the target in the form that an origin server expects (RFC 9112, section 3.2.4): path and query
// byte for byte as they arrived, with the slash that an absolute-form may omit, or the asterisk for OPTIONS of a whole
// server. For CONNECT it is the authority.
func (r *Request) AppendTarget(dst []byte) []byte {
	switch {
	case r.Method == "CONNECT":
		return append(dst, r.Authority...)
	case r.PathQuery == "" && r.Method == "OPTIONS":
		return append(dst, '*')
	case r.PathQuery == "" || r.PathQuery[0] == '?':
		dst = append(dst, '/')
	}
	return append(dst, r.PathQuery...)
}
