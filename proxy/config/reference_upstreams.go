package config

// upstreamsReference describes the `upstreams` of a site or a route.
func upstreamsReference(of, about string) Table {
	return Table{Path: of + ".upstreams", IsArray: true,
		About: about + " An upstream with the defaults may be written as a string: `upstreams = [\"10.0.0.1:3000\", { address = \"10.0.0.2:3000\", weight = 2 }]`. At most 64.",
		Keys: []Key{
			{Name: "address", Type: stringKey, Need: requiredKey, Dynamic: true, Promise: "S-18.1",
				Text: "`host:port`, as in `upstream`. A name counts as one upstream, however many addresses it has. Each address may be listed only once."},
			{Name: "weight", Type: integerKey, Min: "1", Max: "1000", Default: "1", Dynamic: true, Promise: "S-18.1",
				Text: "The upstream's share of the requests, relative to the weights of the others."},
			{Name: "backup", Type: booleanKey, Default: "false", Dynamic: true, Promise: "S-18.1",
				Text: "`true`: the upstream gets requests only while no other one is in service. At least one must not be a backup."},
		}}
}

// healthReference describes the `health` of a site or a route. need says where a key that is not set comes from; ""
// for its default.
func healthReference(of, need string) Table {
	orDefault := func(k Key, def string) Key {
		k.Type, k.Dynamic, k.Promise = integerKey, true, "S-18.3"
		if k.Need = need; need == "" {
			k.Default = def
		}
		return k
	}
	path := Key{Name: "path", Type: stringKey, Need: unsetKey, Dynamic: true, Promise: "S-18.3",
		Text: "The path that a check requests, by `GET` with the site's `host`, as in `/up`; it may have a query. Without it, or with `\"\"`, nothing is checked, and only failed connections of requests count."}
	if need != "" {
		path.Need = need
	}
	return Table{Path: of + ".health",
		About: "Checks of each upstream, which take it out of service when it does not answer as expected, and put it back. When no upstream is in service, requests go to all of them.",
		Keys: []Key{
			path,
			orDefault(Key{Name: "interval_secs", Min: "1", Max: "3600", Text: "Time between two checks of an upstream. A new upstream gets requests after its first good check, or after this time."}, "10"),
			orDefault(Key{Name: "timeout_secs", Min: "1", Max: "3600", Text: "Time limit for one check, including the connection."}, "2"),
			orDefault(Key{Name: "rise", Min: "1", Max: "100", Text: "How many checks in a row must be good to put an upstream back in service."}, "2"),
			orDefault(Key{Name: "fall", Min: "1", Max: "100", Text: "How many checks in a row must fail to take an upstream out of service."}, "3"),
			orDefault(Key{Name: "expect_status", Min: "200", Max: "599", Text: "The status of a good answer."}, "200"),
		}}
}

// retryReference describes the `retry` of a site or a route.
func retryReference(of, need string) Table {
	attempts := Key{Name: "attempts", Type: integerKey, Min: "1", Max: "10", Need: need, Dynamic: true, Promise: "S-18.2",
		Text: "How many upstreams one request may try; `1`: only one. It is sent to another one if the connection failed before anything was sent, or died before the answer and the request may be repeated."}
	budget := Key{Name: "budget_percent", Type: integerKey, Min: "0", Max: "100", Need: need, Dynamic: true, Promise: "S-18.2",
		Text: "The percentage of the site's requests that may be sent to another upstream, so that retries do not make an outage worse. A site begins with 10 retries in reserve, and saves up to 100; `0`: no retries."}
	if need == "" {
		attempts.Default, budget.Default = "2", "20"
	}
	return Table{Path: of + ".retry", About: "When a request whose upstream has failed goes to another one.", Keys: []Key{attempts, budget}}
}
