package config

// expectReference describes `[[expect]]`.
func expectReference() Table {
	key := func(name, text string) Key {
		return Key{Name: name, Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-21.2", Text: text}
	}
	request := key("request", "A method and a URL, as in `\"GET https://example.com/api\"`. The URL begins with `https://`, and its path and query are used byte for byte. "+
		"The port may be left out. The request is treated as one over HTTP/1.1 without fields other than Host; it is never sent.")
	request.Need = requiredKey
	return Table{Path: "expect", IsArray: true,
		About: "Tests of the configuration. Each entry has a request and at least one expectation. `check` prints every expectation that is not met, and the file is then refused at a start and at a reload.",
		Keys: []Key{
			request,
			key("from", "The address of the client; if not set, it is 192.0.2.1."),
			key("listener", "The address and port of the listener that gets the request, as in `\"192.0.2.1:443\"`. It is only needed if several listeners with the same port serve the host."),
			key("route", "The `path` or `path_exact` of the route that must take the request; `\"\"` if no route may take it."),
			key("upstream", "The upstream to which the request must be forwarded, as `host:port`."),
			{Name: "status", Type: integerKey, Min: "200", Max: "599", Need: unsetKey, Dynamic: true, Promise: "S-21.2",
				Text: "The status of the proxy's answer: of a redirect, a fixed answer, or an error. The status of a request that is forwarded is the upstream's, and cannot be expected."},
			key("location", "The `Location` of the proxy's answer."),
			key("site", "The host of the site that must serve the request."),
			key("client_ip", "The address that the proxy must take for the client's."),
		}}
}
