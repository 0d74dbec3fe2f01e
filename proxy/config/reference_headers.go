package config

// headerPlaceholders says which placeholders the value of a header rule may have.
const headerPlaceholders = " `{client_ip}`, `{host}`, `{request_id}` and `{scheme}` are replaced; `{{` and `}}` make braces."

// headerReference describes the rules for header fields of the whole file.
func headerReference() []Table {
	return []Table{
		{Path: "request_headers",
			About: "Changes to the header of requests to an upstream. A site and a route may have such a table too: for each field the route's rule applies, " +
				"else the site's, else the file's, whatever the rule does. In the names of request fields, `_` and other marks count as `-`.",
			Keys: []Key{
				{Name: "set", Type: tableKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "Names and values, as in `{ \"X-Site\" = \"git\" }`. All lines of the field are replaced by one." + headerPlaceholders + " `Host` may be set. Fields about the connection or the body may not, and neither may those in which the proxy names the client."},
				{Name: "default", Type: tableKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "Like `set`, but only if the client has sent no line of the field."},
				{Name: "remove", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "Names of fields, as in `[\"X-Debug\"]`. All their lines are removed."},
			}},
		{Path: "response_headers",
			About: "Changes to the header of responses to clients: those of upstreams, and the proxy's own, such as redirects and errors. A site and a route may have such " +
				"a table too, as above. Responses to requests that reach no site get the rules of the file. Interim responses (1xx) and trailers are not changed, and neither are responses of the redirect port.",
			Keys: []Key{
				{Name: "set", Type: tableKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "As above. `Set-Cookie` may not be set: that would remove the cookies of the application."},
				{Name: "default", Type: tableKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "Like `set`, but only if the upstream has sent no line of the field."},
				{Name: "remove", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-19.1",
					Text: "As above. The upstream's `Server` and `Alt-Svc` are removed in any case."},
			}},
	}
}

// headerReferenceOf describes the tables of header rules of a site or a route, which is at path. what says which
// messages they apply to.
func headerReferenceOf(path, what string) []Table {
	tables := headerReference()
	for i := range tables {
		for j := range tables[i].Keys {
			tables[i].Keys[j].Text = "As in `[" + tables[i].Path + "]`."
		}
		tables[i].About = "Rules as in `[" + tables[i].Path + "]`, for " + what + "."
		tables[i].Path = ChildKey(path, tables[i].Path)
	}
	return tables
}
