package routing

import "strings"

// Table finds the site and the route of a request among those of one listener. S is the type of a site's value, and R the
// type of a route's. The zero Table has no sites. A Table must not be changed once it is in use.
type Table[S, R any] struct {
	// exact finds a site by its lower-cased name, and wildcard by what follows `*.` in its name.
	exact, wildcard map[string]*site[S, R]
}

// site is what a table holds of a site.
type site[S, R any] struct {
	value S
	// root is the path `/`; nil if the site has no routes.
	root *node[R]
}

// Rule says which requests a route takes.
type Rule[R any] struct {
	// Path is the path that a request's path equals or begins with. PathProblem says what it may be.
	Path string
	// Exact reports whether the route takes only Path itself, and not what is below it.
	Exact bool
	// Methods are the methods that the route takes, case-sensitive. If it is empty, the route takes all methods.
	Methods []string
	// Stripped reports whether the upstream gets the request's path without Path, and so takes the rest for the whole.
	Stripped bool
	// Value is what a decision for the route returns.
	Value R
}

// Outcome says what a table has found for a request.
type Outcome uint8

// The outcomes of a decision.
const (
	// UnknownHost means that no site has the host.
	UnknownHost Outcome = iota
	// SiteOnly means that a site has the host, but none of its routes takes the request.
	SiteOnly
	// Routed means that a route takes the request.
	Routed
	// Ambiguous means that a site has the host, but which of its routes takes the request depends on the reader of the path.
	Ambiguous
)

// Decision is what a table has found for a request.
type Decision[S, R any] struct {
	Outcome Outcome
	// Site is the value of the site, or the zero value if the host is unknown.
	Site S
	// Route is the value of the route that takes the request, or the zero value unless the outcome is Routed.
	Route R
}

// Add adds a site with its lower-cased names and its routes. A name that begins with `*.` covers every name with one label
// in place of the `*`. If names or rules collide, the last one wins; Collisions finds rules that do. Add may be called only
// before the table is in use.
func (t *Table[S, R]) Add(names []string, value S, rules []Rule[R]) {
	if t.exact == nil {
		t.exact, t.wildcard = map[string]*site[S, R]{}, map[string]*site[S, R]{}
	}
	added := &site[S, R]{value: value}
	if len(rules) > 0 {
		added.root = newTree(rules)
	}
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			t.wildcard[rest] = added
		} else {
			t.exact[name] = added
		}
	}
}

// Decide decides which site and which route take a request for a lower-cased host. The site is the one with exactly that
// name, or else the one with a wildcard for the first label (S-14.1). Of the routes that match the path and the method, an
// exact one comes before a prefix, a longer one before a shorter one, and one with methods before one without (S-14.2). The
// path may be followed by a query. No route takes a path that does not begin with a slash.
func (t *Table[S, R]) Decide(host, method, path string) Decision[S, R] {
	found := t.find(host)
	if found == nil {
		return Decision[S, R]{}
	}
	if found.root == nil {
		return Decision[S, R]{Outcome: SiteOnly, Site: found.value}
	}
	path, _, _ = strings.Cut(path, "?")
	chosen, ok := found.root.decide(method, path)
	switch {
	case !ok:
		return Decision[S, R]{Outcome: Ambiguous, Site: found.value}
	case chosen == nil:
		return Decision[S, R]{Outcome: SiteOnly, Site: found.value}
	}
	return Decision[S, R]{Outcome: Routed, Site: found.value, Route: chosen.value}
}

// Site returns the value of the site that has the host.
func (t *Table[S, R]) Site(host string) (value S, ok bool) {
	found := t.find(host)
	if found == nil {
		return value, false
	}
	return found.value, true
}

func (t *Table[S, R]) find(host string) *site[S, R] {
	if found := t.exact[host]; found != nil {
		return found
	}
	_, rest, _ := strings.Cut(host, ".")
	return t.wildcard[rest]
}
