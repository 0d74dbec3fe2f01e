package config

import (
	"net/url"
	"path"
	"strings"

	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// routePath resolves `path` and `path_exact`, of which a route has exactly one. It returns "" if the path cannot be
// used.
func (v *validator) routePath(key string, raw rawRoute) (path string, exact bool) {
	exact = raw.PathExact != nil
	value, key := raw.Path, ChildKey(key, "path")
	switch {
	case raw.Path != nil && exact:
		v.add(key+"_exact", "is there next to path; write path for a path and everything below, or path_exact for that path only")
		return "", false
	case exact:
		value, key = raw.PathExact, key+"_exact"
	case value == nil:
		v.add(key, `missing; write the path that the route takes with everything below, as in "/api", or path_exact for that path only`)
		return "", false
	}
	if *value == "" {
		v.add(key, `is empty; write the path, as in "/api"`)
		return "", exact
	}
	if problem := routing.PathProblem(*value, exact); problem != "" {
		v.add(key, "%s cannot be the path of a route: %s; write %s", wording.Quoted(*value), problem, plainPath(*value, exact))
		return "", exact
	}
	return *value, exact
}

// plainPath returns, in quotes, the path that was probably meant, or an example of one.
func plainPath(text string, exact bool) string {
	text, _, _ = strings.Cut(text, "#")
	text, _, _ = strings.Cut(text, "?")
	if decoded, err := url.PathUnescape(text); err == nil {
		text = decoded
	}
	segments := strings.Split(strings.ReplaceAll(text, `\`, "/"), "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	text = path.Clean("/" + strings.Join(segments, "/"))
	if text == "/" || routing.PathProblem(text, exact) != "" {
		return `one as in "/api"`
	}
	return wording.Quoted(text)
}
