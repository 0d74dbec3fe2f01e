package config

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"

	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// redirect resolves the target of a redirect (S-14.6). It is "" if it cannot be used.
func (v *validator) redirect(key, value string) string {
	const example = `write one as in "https://example.com/new{path}{query}" or "/new"`
	if value == "" {
		v.add(key, "is empty; %s", example)
		return ""
	}
	_, problem := routing.ParseLocation(value)
	if problem == "" {
		problem = authorityProblem(value)
	}
	if problem == "" && badEncoding.MatchString(value+"  ") {
		problem = "it has a % without two hexadecimal digits"
	}
	if problem != "" {
		v.add(key, "%s cannot be the target of a redirect: %s; %s", wording.Quoted(value), problem, example)
		return ""
	}
	return value
}

// badEncoding matches a percent sign that does not begin a percent-encoding.
var badEncoding = regexp.MustCompile(`%(?:[^0-9A-Fa-f]|.[^0-9A-Fa-f])`)

// authorityProblem returns why the host or the port of a redirect's target is not valid, or "". A target that is a
// path, or whose host is {host}, has nothing to check.
func authorityProblem(target string) string {
	_, rest, isURL := strings.Cut(target, "://")
	if !isURL || strings.HasPrefix(target, "/") || strings.HasPrefix(rest, "{host}") {
		return ""
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#{"); end >= 0 {
		authority = rest[:end]
	}
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
		if !validPort(port) {
			return "its port is not from 1 to 65535"
		}
	}
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err != nil || !addr.Is6() || !strings.HasSuffix(inner, "]") {
			return "its host in brackets is not an IPv6 address"
		}
		return ""
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return ""
	}
	if problem := hostnameProblem(strings.ToLower(host)); problem != "" {
		return "its host is not valid: " + problem
	}
	return ""
}

// redirectStatus resolves the status of a redirect.
func (v *validator) redirectStatus(key string, value *int64) int {
	status := orDefault(value, http.StatusPermanentRedirect)
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		v.add(key, "%d is not a redirect status; write 301, 302, 307 or 308", status)
	}
	return int(status)
}
