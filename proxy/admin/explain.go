package admin

// ExplainOrder is the request to explain (S-21.1).
type ExplainOrder struct {
	// Method and URL are those of the request.
	Method string `json:"method"`
	URL    string `json:"url"`
	// From is the client's address; "" for an example.
	From string `json:"from,omitempty"`
	// Fields are further field lines, as in `Cookie: a=b`.
	Fields []string `json:"fields,omitempty"`
	// Listener is the address and port of the listener; "" for the one that gets the request.
	Listener string `json:"listener,omitempty"`
}

// ExplainResult is the answer to `explain`.
type ExplainResult struct {
	// Status is "ok", or "error" if the request cannot be explained; Message then says why.
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	// Path is the configuration file.
	Path string `json:"path"`
	// Explanation says what the proxy would do with the request; nil with an error.
	Explanation *Explanation `json:"explanation,omitempty"`
}

// Explanation follows a request through the stages.
type Explanation struct {
	// Request is the method and the URL.
	Request string `json:"request"`
	// Result says in one line what becomes of the request.
	Result string `json:"result"`
	// Status is the status of the proxy's own answer, and Location the target of its redirect; 0 and "" if the request is
	// forwarded.
	Status   int    `json:"status,omitempty"`
	Location string `json:"location,omitempty"`
	// AnsweredBy is the stage that answers; "" if the request is forwarded.
	AnsweredBy string `json:"answered_by,omitempty"`
	// Listener is the listener that gets the request.
	Listener string `json:"listener"`
	// Client is the client's address, and ClientFrom where it comes from.
	Client     string `json:"client"`
	ClientFrom string `json:"client_from"`
	// Site is the site of the request; nil if it reaches none.
	Site *ExplainedSite `json:"site,omitempty"`
	// Route says how the route was chosen; nil without a site.
	Route *ExplainedRoute `json:"route,omitempty"`
	// Limit is the rate limit that the request takes a token from.
	Limit ExplainedLimit `json:"limit"`
	// BodyLimit is the largest body in bytes; 0 for no limit. BodyLimitFrom is where that is set.
	BodyLimit     int64  `json:"body_limit_bytes"`
	BodyLimitFrom string `json:"body_limit_from"`
	// Access says which rules of access apply, and which of them decides; empty without rules.
	Access []string `json:"access,omitempty"`
	// Target is the path and the query that the upstream gets, and Fields are the header fields; Upstreams are the upstreams in
	// the order in which they are tried. They are empty if the request is not forwarded.
	Target    string           `json:"target,omitempty"`
	Fields    []ExplainedField `json:"fields,omitempty"`
	Upstreams []string         `json:"upstreams,omitempty"`
	// ResponseRules are the rules for the response's fields, as in `set X-A: 1 (from the site)`.
	ResponseRules []string `json:"response_rules,omitempty"`
}

// ExplainedSite is the site of a request.
type ExplainedSite struct {
	// Host is the site's host, and Name the name by which it was found: the host, an alias or a wildcard.
	Host string `json:"host"`
	Name string `json:"name"`
	// Key is the site's key in the file.
	Key string `json:"key"`
	// Held says how an operator holds the site back now, as in "in maintenance"; "" if the site serves, and nil if no daemon
	// was asked.
	Held *string `json:"held,omitempty"`
}

// ExplainedRoute says which route was chosen, and why.
type ExplainedRoute struct {
	// Chosen describes the route that takes the request; "" if the site itself does. Key is the route's key in the file, or
	// the site's.
	Chosen string `json:"chosen,omitempty"`
	Key    string `json:"key"`
	// Path is the path as it came, and ReadAs as the most lenient upstream could read it.
	Path   string `json:"path"`
	ReadAs string `json:"read_as"`
	// CameTo and ReadTo are the paths of the routes that take the two; "" for none.
	CameTo string `json:"came_to"`
	ReadTo string `json:"read_to"`
	// Ambiguous reports whether upstreams may read the path as different routes.
	Ambiguous bool `json:"ambiguous,omitempty"`
}

// ExplainedLimit is the rate limit of a request.
type ExplainedLimit struct {
	// RequestsPerSecond and Burst are those of the client's bucket, and From says where they are set.
	RequestsPerSecond float64 `json:"requests_per_second"`
	Burst             int     `json:"burst"`
	From              string  `json:"from"`
	// Bucket is the address or the network whose clients share the bucket.
	Bucket string `json:"bucket"`
	// Tokens is the number of tokens left in the bucket; nil if no daemon was asked.
	Tokens *float64 `json:"tokens,omitempty"`
	// Others are the limits of all clients together, as in "8 at once for all clients together (from the site)".
	Others []string `json:"others,omitempty"`
}

// ExplainedField is a field of the request to the upstream.
type ExplainedField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
