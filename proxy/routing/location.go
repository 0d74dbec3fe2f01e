package routing

import (
	"fmt"
	"strings"
)

// Location is the target of a redirect, with placeholders for parts of the request. Whatever a client sends, it leads only
// to the authority in its text or to the host that the client asked for.
type Location struct{ parts []locationPart }

// locationPart is literal text, or a placeholder with its braces.
type locationPart struct {
	text        string
	placeholder bool
}

// The placeholders of a Location.
const (
	hostPlaceholder  = "{host}"
	pathPlaceholder  = "{path}"
	queryPlaceholder = "{query}"
)

// ParseLocation parses the target of a redirect. If the text cannot be one, problem says why; otherwise it is "".
func ParseLocation(text string) (location Location, problem string) {
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			location.parts = append(location.parts, locationPart{text: literal})
		}
		if !found {
			break
		}
		name, after, found := strings.Cut(after, "}")
		placeholder := "{" + name + "}"
		if !found || placeholder != hostPlaceholder && placeholder != pathPlaceholder && placeholder != queryPlaceholder {
			return Location{}, fmt.Sprintf("it has a brace that does not begin %s, %s or %s", hostPlaceholder, pathPlaceholder, queryPlaceholder)
		}
		location.parts = append(location.parts, locationPart{placeholder, true})
		rest = after
	}
	if !isVisibleASCII(text) {
		return Location{}, "it has a character that must be percent-encoded in a URL"
	}
	if problem := targetProblem(text); problem != "" {
		return Location{}, problem
	}
	return location, ""
}

// targetProblem returns how the text could lead a client to another host than the one it names, or "".
func targetProblem(text string) string {
	if strings.HasPrefix(text, "/") {
		if rest := text[1:]; rest != "" && strings.ContainsAny(rest[:1], `/\{`) {
			return "after its first slash it needs a letter, because a second slash, or a placeholder, could begin the name of another host"
		}
		return ""
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme != "http" && scheme != "https" {
		return "it is neither an http:// or https:// URL nor a path that begins with a slash"
	}
	if after, ok := strings.CutPrefix(rest, hostPlaceholder); ok {
		rest = after
	} else {
		end := strings.IndexFunc(rest, func(r rune) bool { return !isAuthority(r) })
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return "it has no host"
		}
		rest = rest[end:]
	}
	if rest == "" || strings.ContainsAny(rest[:1], "/?#") || strings.HasPrefix(rest, pathPlaceholder) || strings.HasPrefix(rest, queryPlaceholder) {
		return ""
	}
	return "its host must be a name, or {host}, and be followed by a path, a query or nothing"
}

// isAuthority reports whether a character may occur in a host with a port.
func isAuthority(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._:[]", r)
}

// Append appends to dst the target for a request with this host and with this path and query, as they came. It returns false
// if a placeholder's text has bytes that cannot be in a Location field.
func (l Location) Append(dst []byte, host, target string) (_ []byte, ok bool) {
	path, query := target, ""
	if at := strings.IndexByte(target, '?'); at >= 0 {
		path, query = target[:at], target[at:]
	}
	for _, part := range l.parts {
		text := part.text
		if part.placeholder {
			switch text {
			case hostPlaceholder:
				text = host
			case pathPlaceholder:
				text = path
			case queryPlaceholder:
				text = query
			}
			if !isVisibleASCII(text) {
				return dst, false
			}
		}
		dst = append(dst, text...)
	}
	return dst, true
}

// isVisibleASCII reports whether a text has only visible ASCII characters. In a Location field, anything else could end the
// line, or the client should have encoded it.
func isVisibleASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}
