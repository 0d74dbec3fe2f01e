package config

// routeReference describes `[[listeners.sites.routes]]`.
func routeReference() Table {
	keys := []Key{
		{Name: "path", Type: stringKey, Need: pathKey, Dynamic: true, Promise: "S-14.2",
			Text: "The path that the route takes, with everything below: `/api` takes `/api` and `/api/x`, and not `/apix`. Begins with `/` and does not end with it; no query, no percent-encoding, no empty segment, no `.` or `..`, no `;`."},
		{Name: "path_exact", Type: stringKey, Need: pathKey, Dynamic: true, Promise: "S-14.2",
			Text: "The only path that the route takes; `/x` does not take `/x/`. It may end with `/`."},
		{Name: "methods", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-14.2",
			Text: "The methods that the route takes, as in `[\"GET\", \"HEAD\"]`; if not set, all. `GET` does not include `HEAD`."},
		{Name: "upstream", Type: stringKey, Need: actionKey, Dynamic: true, Promise: "S-2.17",
			Text: "Forwards to this `host:port`, or to this `unix:` socket. A route without an action forwards to the upstream of the site if it sets any of the keys that a site may set too."},
		{Name: "strip_prefix", Type: booleanKey, Default: "false", Dynamic: true, Promise: "S-14.4",
			Text: "`true`: `path` is removed from what the upstream gets: for `/api/x` it gets `/x`, with `X-Forwarded-Prefix: /api`."},
		{Name: "redirect", Type: stringKey, Need: actionKey, Dynamic: true, Promise: "S-14.6",
			Text: "Redirects to this URL, or to this path of the same host. `{host}`, `{path}` and `{query}` are those of the request; `{query}` includes its `?`. The host must be written out, or be exactly `{host}`."},
		{Name: "redirect_status", Type: integerKey, Min: "301", Max: "308", Default: "308", Dynamic: true, Promise: "S-14.6",
			Text: "The status of the redirect: `301`, `302`, `307` or `308`."},
		{Name: "respond", Type: integerKey, Min: "200", Max: "599", Need: actionKey, Dynamic: true, Promise: "S-14.6",
			Text: "Answers with this status."},
		{Name: "respond_type", Type: stringKey, Default: `"text/plain; charset=utf-8"`, Dynamic: true, Promise: "S-14.6",
			Text: "The `Content-Type` of the answer's body."},
		{Name: "respond_body", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-14.6",
			Text: "The body of the answer. A status of 204, 205 or 304 has none."},
		{Name: "respond_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-14.6",
			Text: "A file with the body of the answer, of at most 1 MiB. It is read at the start and at every reload. A relative path starts from the directory of the configuration file. A file in a directory that is new to the configuration needs a restart, because of the sandbox."},
	}
	for _, key := range settingsReference() {
		key.Default, key.Need, key.Text = "", inheritedKey, "As for a site, for the requests that the route takes."
		keys = append(keys, key)
	}
	return Table{Path: "listeners.sites.routes", IsArray: true,
		About: "Parts of a site that are forwarded elsewhere, redirected or answered by the proxy. Their order has no meaning: " +
			"`path_exact` comes before `path`, a longer path before a shorter one, and a route with `methods` before one without. A route does exactly one of three things: " +
			"`upstream`, `redirect` or `respond`.",
		Keys: keys}
}
