package config

import (
	"net/http"
	"strings"
	"time"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// ForwardAuthTimeout is how long the service of `forward_auth` may take, from the wait for a connection to the last byte of its
// answer (S-16.3).
const ForwardAuthTimeout = 5 * time.Second

// ForwardAuth is the service that `forward_auth` asks. It never changes.
type ForwardAuth struct {
	// URL is the URL as the file spells it.
	URL string
	// Service says how the service is reached: it has an upstream, a scheme and timeouts like any route that forwards.
	Service Route
	// Authority and Target are the host, and the path and query, of the requests.
	Authority, Target string
}

// maxForwardAuthHeaders bounds the fields that are taken from an answer.
const maxForwardAuthHeaders = 32

// setCookie is the only field of the service's answer that goes to the client instead of the upstream.
const setCookie = "Set-Cookie"

// forwardAuth resolves `forward_auth`; nil for none.
func (v *validator) forwardAuth(key string, value *string) *ForwardAuth {
	if value == nil || *value == "" {
		return nil
	}
	const example = `write one as in "http://127.0.0.1:9091/api/verify"`
	scheme, rest, _ := strings.Cut(*value, "://")
	scheme = strings.ToLower(scheme)
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, target := rest[:end], rest[end:]
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	_, valid := http1.SplitAuthority(authority)
	switch {
	case port == "":
		v.addFault(key, "%s is not an http or https URL; %s", wording.Quoted(*value), example)
		return nil
	case !valid:
		v.addFault(key, "%s has %s where the host belongs; %s", wording.Quoted(*value), wording.Quoted(authority), example)
		return nil
	case strings.Contains(target, "#"), strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		v.addFault(key, "%s has a fragment, or a character that no URL has; %s", wording.Quoted(*value), example)
		return nil
	}
	address := authority
	if colon := strings.LastIndexByte(authority, ':'); colon <= strings.LastIndexByte(authority, ']') {
		address += port
	}
	return &ForwardAuth{URL: *value, Authority: authority, Target: target, Service: Route{
		Path: target, Exact: true, Methods: []string{http.MethodGet}, Upstreams: OneUpstream(v.upstream(key, &address)),
		// The call has a timer of its own, ForwardAuthTimeout. These timeouts are a second line of defense.
		Settings: Settings{UpstreamScheme: scheme, ConnectTimeout: ForwardAuthTimeout, RequestTimeout: ForwardAuthTimeout + time.Second},
	}}
}

// forwardAuthHeaders resolves `forward_auth_headers`. It returns the names of the fields for the upstream, and
// reports whether the client gets the service's cookies.
func (v *validator) forwardAuthHeaders(in inherited, names []string) (forUpstream []string, cookies bool) {
	key := in.key("access.forward_auth_headers")
	if len(names) > maxForwardAuthHeaders {
		v.addFault(key, "has %d names; at most %d are possible", len(names), maxForwardAuthHeaders)
		return nil, false
	}
	seen := map[string]bool{}
	for i, name := range names {
		at := IndexKey(key, i)
		if strings.EqualFold(name, setCookie) {
			cookies = true
			continue
		}
		field := headers.Request.Key(name)
		_, ruled := in.RequestHeaders[field]
		err := headers.Request.Check(headers.Rule{Op: headers.Set, Name: name, Value: "x"})
		switch {
		case err != nil:
			v.add(at, "%s", err)
		case field == "host" || field == "cookie":
			v.add(at, "%s cannot be taken from an answer, because every client needs its own; leave it out", wording.Quoted(name))
		case seen[field]:
			v.add(at, "%s is there already; write each name once, whatever its case", wording.Quoted(name))
		case ruled:
			v.add(at, "%s has a rule in request_headers, too; leave one of the two out", wording.Quoted(name))
		default:
			forUpstream = append(forUpstream, name)
		}
		seen[field] = true
	}
	return forUpstream, cookies
}
