package config

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// maxRedirects is how many redirects in a row a client follows: browsers give up after 20.
const maxRedirects = 20

// belowRoute is a segment that no route has, for a path below that of a route.
const belowRoute = "any-page-below"

// redirectsEnd refuses redirects that form a loop (S-14.6): through themselves, other routes, an alias that is
// redirected to its host, or another site. It follows each redirect from the path of its route and from a path below
// it.
func (v *validator) redirectsEnd(healthPath string, listeners []Listener) {
	var follow *redirectFollower
	for i, listener := range listeners {
		for j, site := range listener.Sites {
			for k, route := range site.Routes {
				if route.Redirect == "" || route.Path == "" || site.Host == "" {
					continue
				}
				if follow == nil {
					follow = newRedirectFollower(healthPath, listeners)
				}
				host := strings.Replace(site.Host, "*.", "any-name.", 1)
				if path, over := follow.endless(i, host, route); over != nil {
					v.add(ChildKey(routeKey(i, j, k), "redirect"), "redirects %s without an end%s; write a target that is not redirected again",
						wording.Quoted(path), v.overOthers(over))
				}
			}
		}
	}
}

// overOthers names the other redirects of a loop. The error is about the first one.
func (v *validator) overOthers(loop []string) string {
	var others []string
	for _, key := range loop {
		if key != loop[0] && !slices.Contains(others, v.withLine(key)) {
			others = append(others, v.withLine(key))
		}
	}
	if others == nil {
		return ""
	}
	return ", over " + strings.Join(others, " and ")
}

// redirectFollower knows where each listener redirects requests.
type redirectFollower struct {
	// healthPath is answered before any route is asked; "" for none.
	healthPath string
	listeners  []followedListener
}

// followedListener is one listener.
type followedListener struct {
	Listener
	table routing.Table[followedSite, followedRoute]
}

// followedSite is a site with its key.
type followedSite struct {
	Site
	key string
}

// followedRoute is a route with its parsed redirect. A route with another action ends a chain of redirects.
type followedRoute struct {
	Route
	key      string
	location routing.Location
}

// newRedirectFollower prepares the listeners.
func newRedirectFollower(healthPath string, listeners []Listener) *redirectFollower {
	f := &redirectFollower{healthPath, make([]followedListener, len(listeners))}
	for i, listener := range listeners {
		f.listeners[i].Listener = listener
		for j, site := range listener.Sites {
			var rules []routing.Rule[followedRoute]
			for k, route := range site.Routes {
				if route.Path == "" {
					continue
				}
				location, _ := routing.ParseLocation(route.Redirect)
				rules = append(rules, routing.Rule[followedRoute]{Path: route.Path, Exact: route.Exact, Methods: route.Methods,
					Value: followedRoute{route, ChildKey(routeKey(i, j, k), "redirect"), location}})
			}
			key := IndexKey(ChildKey(IndexKey("listeners", i), "sites"), j)
			f.listeners[i].table.Add(site.Names(), followedSite{site, key}, rules)
		}
	}
	return f
}

// followedRequest is a request on its way through redirects.
type followedRequest struct {
	listener           int
	method, host, path string
}

// endless reports whether requests for a route are redirected in a loop. If so, it returns a path at which the loop
// begins, and the keys of the redirects in it, the route's own first; otherwise over is nil.
func (f *redirectFollower) endless(listener int, host string, route Route) (path string, over []string) {
	method := http.MethodGet
	if len(route.Methods) > 0 {
		method = route.Methods[0]
	}
	paths := []string{route.Path}
	if !route.Exact {
		paths = append(paths, strings.TrimSuffix(route.Path, "/")+"/"+belowRoute)
	}
	for _, path := range paths {
		if over := f.loop(followedRequest{listener, method, host, path}); over != nil {
			return path, over
		}
	}
	return "", nil
}

// loop follows a request through redirects. If they come back to the first one, or clients give up on them, it
// returns their keys; otherwise nil. A redirect that only leads into a loop of others is not at fault.
func (f *redirectFollower) loop(begin followedRequest) []string {
	var routes []string
	seen := map[followedRequest]int{}
	at := begin
	for hop := range maxRedirects {
		if first, back := seen[at]; back {
			return fromFirst(routes, first)
		}
		seen[at] = hop
		next, route, ok := f.next(at)
		if !ok {
			return nil
		}
		routes = append(routes, route)
		at = next
	}
	return fromFirst(routes, 1) // the path grows with each redirect
}

// fromFirst returns the routes if the first one occurs again at or after the index; otherwise nil.
func fromFirst(routes []string, index int) []string {
	if !slices.Contains(routes[index:], routes[0]) {
		return nil
	}
	return routes
}

// next returns the request that a client makes when it follows the redirect of this request, and the key of the route
// or site that redirects. ok is false if nothing redirects, or if the redirect leads to another server.
func (f *redirectFollower) next(at followedRequest) (next followedRequest, key string, ok bool) {
	if f.healthPath != "" && at.path == f.healthPath && (at.method == http.MethodGet || at.method == http.MethodHead) {
		return next, "", false
	}
	decision := f.listeners[at.listener].table.Decide(at.host, at.method, at.path)
	site := decision.Site
	if decision.Outcome == routing.UnknownHost || site.Host == "" {
		return next, "", false
	}
	if site.RedirectAliases && at.host != site.Host {
		at.host = site.Host
		return at, ChildKey(decision.Site.key, "redirect_aliases"), true
	}
	route := decision.Route
	if decision.Outcome != routing.Routed || route.Redirect == "" {
		return next, "", false
	}
	target, ok := route.location.Append(nil, at.host, at.path)
	if !ok {
		return next, "", false
	}
	if at.method == http.MethodPost && (route.RedirectStatus == http.StatusMovedPermanently || route.RedirectStatus == http.StatusFound) {
		at.method = http.MethodGet // as browsers do (RFC 9110, section 15.4.2)
	}
	next, ok = f.leadsTo(at, string(target))
	return next, route.key, ok
}

// leadsTo returns the request for the target of a redirect. ok is false if the target is on another server.
func (f *redirectFollower) leadsTo(at followedRequest, target string) (next followedRequest, ok bool) {
	if scheme, rest, isURL := strings.Cut(target, "://"); isURL && target[0] != '/' {
		authority := rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			authority = rest[:end]
		}
		target = rest[len(authority):]
		host, port, err := net.SplitHostPort(authority)
		if err != nil {
			host, port = authority, ""
		}
		if at.listener, ok = f.listenerOf(at.listener, scheme, port); !ok {
			return next, false
		}
		at.host = strings.ToLower(host)
	}
	target, _, _ = strings.Cut(target, "#")
	at.path, _, _ = strings.Cut(target, "?")
	at.path = cmp.Or(at.path, "/")
	return at, true
}

// listenerOf returns the listener that gets requests for the scheme and the port. A URL without a port goes to the
// listener on the scheme's usual port. If there is none, the port is probably mapped, as for a container, and the
// request comes back to the listener that redirected it.
func (f *redirectFollower) listenerOf(from int, scheme, port string) (listener int, ok bool) {
	wanted := port
	if port == "" {
		wanted = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	has := func(i int) bool {
		own := f.listeners[i].HTTPSPort
		if scheme == "http" {
			own = f.listeners[i].HTTPPort // which redirects to the same path over HTTPS
		}
		return own != 0 && strconv.Itoa(own) == wanted
	}
	if has(from) {
		return from, true
	}
	for i := range f.listeners {
		if has(i) {
			return i, true
		}
	}
	return from, port == "" && (scheme == "https" || f.listeners[from].HTTPPort != 0)
}
