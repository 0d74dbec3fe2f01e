package routing

import "strings"

// Came returns the value of the route that matches a request's path as it came, byte for byte, or false if there is none.
// Decide chooses the same route unless the path is ambiguous.
func (t *Table[S, R]) Came(host, method, path string) (route R, ok bool) {
	found := t.find(host)
	path, _, _ = strings.Cut(path, "?")
	if found == nil || found.root == nil || path == "" || path[0] != '/' {
		return route, false
	}
	at := found.root.asItCame(path)
	chosen := at.choice(method)
	if chosen == nil {
		return route, false
	}
	return chosen.value, true
}

// MostLenient returns a path, without its query, as the most lenient upstream could read it (S-14.3). It is for output:
// Decide does not need the text of what it reads.
func MostLenient(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if path == "" || path[0] != '/' || isPlain(path) {
		return path
	}
	var decoded strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if value, ok := decodeHex(path[i+1:]); ok {
				c = value
				i += 2
			}
		}
		if c == '\\' {
			c = '/'
		}
		decoded.WriteByte(c)
	}
	var kept []string
	slash := true
	for segment := range strings.SplitSeq(decoded.String()[1:], "/") {
		segment, _, _ = strings.Cut(segment, ";")
		switch segment {
		case "", ".":
			slash = true
		case "..":
			slash = true
			kept = kept[:max(0, len(kept)-1)]
		default:
			slash = false
			kept = append(kept, segment)
		}
	}
	read := "/" + strings.Join(kept, "/")
	if slash && len(kept) > 0 {
		read += "/"
	}
	return read
}
