package config

import "strings"

// accessReference describes `[access]`.
func accessReference() Table {
	const network = "Networks and addresses, as in `[\"10.0.0.0/8\", \"2001:db8::7\"]`"
	return Table{Path: "access",
		About: "Which clients the sites let in. A site and a route may have such a table too; a key that is set there replaces the inherited one, and all others are inherited. The rules apply in this order: the lists, the " +
			"password, `forward_auth`. The proxy's own answers for a route, such as redirects, are protected too. The rules do not protect the answers to `https_health_path`, to validations of a CA, and to requests for no site or for " +
			"an alias that is redirected.",
		Keys: []Key{
			{Name: "allow", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-16.1",
				Text: network + ", of the clients that are let in; others get 403. At most 100,000. `[]` removes the inherited list."},
			{Name: "allow_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-16.1",
				Text: "A file with more networks, one on each line; what follows a `#` is a comment. It is read at the start and at every reload. A file without networks is refused. `\"\"` removes the inherited file."},
			{Name: "deny", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-16.1",
				Text: "Like `allow`, for clients that always get 403, even if `allow` has them or one rule would be enough."},
			{Name: "deny_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-16.1",
				Text: "A file like `allow_file`, for `deny`."},
			{Name: "basic_users_file", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-16.2",
				Text: "A file of users and passwords for Basic authentication, as `htpasswd -B` writes it: one `user:hash` on each line, with bcrypt of a cost up to 14, or argon2id up to `m=131072` (KiB), with `m` times `t` up to 1048576. Clients without a valid password get 401. " +
					"It is read at the start and at every reload. `\"\"` removes the inherited file."},
			{Name: "forward_auth", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-16.3",
				Text: "The `http` or `https` URL of a service that is asked about each request, as in `\"http://127.0.0.1:9091/api/verify\"`, with the request's cookies, `Authorization` and `X-Forwarded-*`. An answer of 200 to 299 lets the request pass; any other goes to the client. " +
					"If the service does not answer within 5 seconds, the client gets 502 or 504. `\"\"` removes the inherited service."},
			{Name: "forward_auth_headers", Type: stringsKey, Need: unsetKey, Dynamic: true, Promise: "S-16.3",
				Text: "Fields that the upstream gets from the answer of the service, as in `[\"Remote-User\", \"Remote-Groups\"]`. Clients cannot send them on any route of the site, or on another site with the same upstream. With `Set-Cookie`, the client gets the cookies of the service together with the response."},
			{Name: "satisfy", Type: stringKey, Values: []string{"all", "any"}, Default: `"all"`, Dynamic: true, Promise: "S-16.5",
				Text: "`all`: each rule must let the client in. `any`: one is enough, for example `allow` for the office, and the password for everybody else."},
		}}
}

// accessReferenceOf describes the table `access` of a site or a route, which is at path. what says which requests it
// applies to, and need says where its keys are inherited from.
func accessReferenceOf(path, need, what string) Table {
	table := accessReference()
	for i := range table.Keys {
		key := &table.Keys[i]
		key.Default, key.Need, key.Text = "", need, "As in `["+table.Path+"]`."
		if key.Values != nil {
			key.Text = "`" + strings.Join(key.Values, "` or `") + "`, as in `[" + table.Path + "]`."
		}
	}
	table.About = "Which clients to let in, as in `[" + table.Path + "]`, for " + what + "."
	table.Path = ChildKey(path, table.Path)
	return table
}
