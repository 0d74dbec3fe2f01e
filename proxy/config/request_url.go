package config

import (
	"net/http"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// RequestURL is the URL of a request as an operator writes it: absolute, with https, its port left out if it is the usual one.
type RequestURL struct {
	// Authority is the host and its port, as they were written.
	Authority string
	// Host is the host, lower-cased and without the port.
	Host string
	// Port is the port; "" if it was left out.
	Port string
	// Target is the path and the query byte for byte: nothing is resolved or encoded. It begins with a slash.
	Target string
}

// ParseRequestURL parses the URL of a request. problem says what is wrong with it and what to write, or is "".
func ParseRequestURL(text string) (url RequestURL, problem string) {
	const example = `write one as in "https://example.com/path?query"`
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case found && strings.EqualFold(scheme, "http"):
		return url, "is for plain HTTP, and the redirect port answers every request with 301 to the same URL with https; write https"
	case !found || !strings.EqualFold(scheme, "https"):
		return url, "is not an absolute https URL; " + example
	case strings.Contains(rest, "#"):
		return url, "has a fragment, which clients do not send; leave it out"
	case strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return url, "has a character that no URL has; write it percent-encoded, as in %20 for a space"
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	url.Authority, url.Target = rest[:end], rest[end:]
	if !strings.HasPrefix(url.Target, "/") {
		url.Target = "/" + url.Target
	}
	var ok bool
	if url.Host, ok = http1.SplitAuthority(url.Authority); !ok {
		return url, "has " + wording.Quoted(url.Authority) + " where the host belongs; " + example
	}
	if colon := strings.LastIndexByte(url.Authority, ':'); colon > strings.LastIndexByte(url.Authority, ']') {
		url.Port = url.Authority[colon+1:]
	}
	var head http1.Request
	if _, err := head.Parse(url.Head(http.MethodGet, nil), 0); err != nil {
		return url, "cannot be requested: " + err.Error() + "; write it as a client sends it, percent-encoded"
	}
	return url, ""
}

// Head returns the head of a request for the URL, as a client sends it over HTTP/1.1. fields are additional header
// lines.
func (u RequestURL) Head(method string, fields []string) []byte {
	target := u.Target
	if method == http.MethodConnect {
		if target = u.Authority; u.Port == "" {
			target += ":443"
		}
	}
	head := http1.AppendRequestLine(nil, method, target)
	head = http1.AppendField(head, "Host", u.Authority)
	for _, field := range fields {
		head = append(append(head, field...), "\r\n"...)
	}
	return append(head, "\r\n"...)
}
