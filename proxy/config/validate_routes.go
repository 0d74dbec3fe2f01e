package config

import (
	"net/http"
	"reflect"

	"reverse-proxy/proxy/wording"
)

// defaultRespondType is the Content-Type of a fixed answer with a body that names none.
const defaultRespondType = "text/plain; charset=utf-8"

// maxRespondBytes is the length above which a file for a fixed answer is refused.
const maxRespondBytes = 1 << 20

// routes resolves `[[listeners.sites.routes]]` of one site. upstream and above are the site's.
func (v *validator) routes(key string, raws []rawRoute, upstream string, above inherited) []Route {
	var routes []Route
	for i, raw := range raws {
		routes = append(routes, v.route(IndexKey(key, i), raw, upstream, above))
	}
	return routes
}

// route resolves one route.
func (v *validator) route(key string, raw rawRoute, siteUpstream string, above inherited) Route {
	settings := above.inherit(LevelRoute, key, raw.rawSettings)
	route := Route{Methods: raw.Methods, StripPrefix: orDefault(raw.StripPrefix, false), Settings: v.settings(settings)}
	route.Path, route.Exact = v.routePath(key, raw)
	v.action(key, raw, siteUpstream, &route)
	return route
}

// routePath resolves `path` and `path_exact`, of which a route has one.
func (v *validator) routePath(key string, raw rawRoute) (path string, exact bool) {
	switch {
	case raw.Path != nil && raw.PathExact != nil:
		v.add(ChildKey(key, "path_exact"), "is there next to path; write path for a path and everything below, or path_exact for that path only")
	case raw.PathExact != nil:
		return *raw.PathExact, true
	case raw.Path == nil:
		v.add(ChildKey(key, "path"), `missing; write the path that the route takes with everything below, as in "/api", or path_exact for that path only`)
	}
	return orDefault(raw.Path, ""), false
}

// action resolves what a route does with its requests: exactly one of three things. A route that only has settings of
// its own forwards to the upstream of its site.
func (v *validator) action(key string, raw rawRoute, siteUpstream string, route *Route) {
	var actions []string
	if raw.Upstream != nil {
		actions = append(actions, "upstream")
		route.Upstream = v.upstream(ChildKey(key, "upstream"), raw.Upstream)
	}
	if raw.Redirect != nil {
		actions = append(actions, "redirect")
		route.Redirect = *raw.Redirect
		route.RedirectStatus = v.redirectStatus(ChildKey(key, "redirect_status"), raw.RedirectStatus)
	}
	if raw.Respond != nil {
		actions = append(actions, "respond")
		v.respond(key, raw, route)
	}
	switch {
	case len(actions) > 0:
	case siteUpstream != "" && !reflect.ValueOf(raw.rawSettings).IsZero():
		route.Upstream = siteUpstream
	default:
		v.add(key, "has no action; write one of upstream, redirect and respond")
	}
	if len(actions) > 1 {
		v.add(ChildKey(key, actions[1]), "is there next to %s; a route does one of the two, so leave one out", actions[0])
	}
}

// redirectStatus resolves the status of a redirect.
func (v *validator) redirectStatus(key string, value *int64) int {
	status := orDefault(value, http.StatusPermanentRedirect)
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		v.add(key, "%d is no status of a redirect; write 301, 302, 307 or 308", status)
	}
	return int(status)
}

// respond resolves a fixed answer.
func (v *validator) respond(key string, raw rawRoute, route *Route) {
	route.Respond = int(*raw.Respond)
	if *raw.Respond < 200 || *raw.Respond > 599 {
		v.add(ChildKey(key, "respond"), "%d is no status of an answer; write one from 200 to 599", *raw.Respond)
	}
	switch {
	case raw.RespondBody != nil:
		route.RespondBody = []byte(*raw.RespondBody)
	case raw.RespondFile != nil:
		route.RespondFile = v.resolvePath(v.required(ChildKey(key, "respond_file"), raw.RespondFile, "write the path of the file to answer with, or leave the key out"))
		route.RespondBody = v.respondFile(ChildKey(key, "respond_file"), route.RespondFile)
	}
	if len(route.RespondBody) > 0 {
		route.RespondType = orDefault(raw.RespondType, defaultRespondType)
	}
}

// respondFile reads the file of a fixed answer. It never blocks, whatever the path names.
func (v *validator) respondFile(key, path string) []byte {
	if path == "" {
		return nil
	}
	body, err := ReadStableFile(path, maxRespondBytes, nil)
	if err != nil {
		v.add(key, "%s: %s", wording.Quoted(path), err)
	}
	return body
}
