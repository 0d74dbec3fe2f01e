package config

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"reverse-proxy/proxy/wording"
)

// upstreamConnections checks `upstream_max_connections`, a part of max_connections (S-12.6). Without the key it is 0.
func (v *validator) upstreamConnections(key string, value *int64) int {
	if value == nil {
		return 0
	}
	if *value < 1 || v.connections > 0 && *value > int64(v.connections) {
		v.addFault(key, "%d is out of range; write a number of connections from 1 to max_connections (%d), or leave the key out",
			*value, v.connections)
		return 0
	}
	return int(*value)
}

// oneBoundEach checks that sites and routes with the same upstream agree on its bound, because they share its
// connections.
func (v *validator) oneBoundEach(listeners []Listener) {
	first := map[UpstreamID]Forward{}
	for i, listener := range listeners {
		for j, site := range listener.Sites {
			for _, forward := range site.Forwards(IndexKey(ChildKey(IndexKey("listeners", i), "sites"), j)) {
				upstream := forward.UpstreamID(forward.Upstream.Address)
				switch before, ok := first[upstream]; {
				case !ok:
					first[upstream] = forward
				case before.MaxConnections != forward.MaxConnections:
					v.add(ChildKey(forward.Key, "upstream_max_connections"),
						"%s has another value for the same upstream; their requests share its connections, so write the same in both", before.Key)
				}
			}
		}
	}
}

// upstreamSocket checks the path of an upstream that is a Unix socket (S-18.8). It does not require the socket to
// exist: the application may start later.
func (v *validator) upstreamSocket(key, upstream, path string) {
	const example = `as in "unix:/run/app.sock"`
	switch {
	case strings.HasPrefix(path, "//"):
		v.add(key, "%s is a URL; write unix: and the path, %s, and the scheme in upstream_scheme", wording.Quoted(upstream), example)
	case !filepath.IsAbs(path):
		v.add(key, "%s has no absolute path; write unix: and the path of the socket, %s", wording.Quoted(upstream), example)
	case slices.Contains(strings.Split(path, "/"), ".."):
		v.add(key, `%s contains ".."; write the path of the socket without it, %s`, wording.Quoted(upstream), example)
	case strings.HasSuffix(path, "/"):
		v.add(key, "%s names a directory; write the path of the socket, %s", wording.Quoted(upstream), example)
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError || r == ':' }):
		v.add(key, "%s has a space, a colon, a control character or invalid UTF-8 in its path; write another path, %s", wording.Quoted(upstream), example)
	case len(path) > maxSocketPath:
		v.add(key, "%s has a path of %d bytes, and the address of a Unix socket holds %d; write a shorter path", wording.Quoted(upstream), len(path), maxSocketPath)
	}
}

// namedForTLS checks that an https upstream at a Unix socket has a name: a certificate cannot be for a path.
func (v *validator) namedForTLS(key string, upstreams Upstreams, settings Settings) {
	if settings.UpstreamScheme != "https" || settings.UpstreamTLS.ServerName != "" {
		return
	}
	for _, upstream := range upstreams {
		if _, ok := SocketPath(upstream.Address); ok {
			v.add(ChildKey(key, "upstream_server_name"), "missing; write the name in the certificate of the program at %s", wording.Quoted(upstream.Address))
			return
		}
	}
}
