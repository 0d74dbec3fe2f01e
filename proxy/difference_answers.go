package proxy

import (
	"net/http"
	"net/netip"
	"reflect"
	"strings"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
)

const (
	// maxAskedPerSite bounds the requests that are decided for one changed site, and maxShownPerSite those that are shown.
	maxAskedPerSite = 200
	maxShownPerSite = 5
)

// answerChanges lists, for each site that a reload changes, a few requests that would be answered differently (S-21.3).
// It compares the requests of the tests in both files, and requests for the paths of the site's routes.
func answerChanges(old, next *DynamicConfig) []admin.AnswerChange {
	var changes []admin.AnswerChange
	for is := range next.sites.all() {
		was := old.sites.find(is.listener, is.config.Host)
		if was == nil || old.HealthPath == next.HealthPath && reflect.DeepEqual(was.config, is.config) {
			continue
		}
		shown := 0
		for _, asked := range askedOf(was, is, old.expects, next.expects) {
			before, err := old.evaluate(is.listener, asked.method, asked.url, asked.from, nil)
			if err != nil {
				continue
			}
			after, err := next.evaluate(is.listener, asked.method, asked.url, asked.from, nil)
			if err == nil && before.text() != after.text() {
				changes = append(changes, admin.AnswerChange{Listener: next.sites[is.listener].name,
					Request: asked.method + " https://" + asked.url.Authority + asked.url.Target, Old: before.text(), New: after.text()})
				if shown++; shown == maxShownPerSite {
					break
				}
			}
		}
	}
	return changes
}

// askedRequest is a request to compare.
type askedRequest struct {
	method string
	url    config.RequestURL
	from   netip.Addr
}

// askedOf returns the requests to compare for a site.
func askedOf(was, is *site, expects ...[]config.Expect) []askedRequest {
	var asked []askedRequest
	seen := map[string]bool{}
	add := func(request askedRequest) {
		key := request.method + " " + request.url.Host + request.url.Target + request.from.String()
		if !seen[key] && len(asked) < maxAskedPerSite {
			seen[key] = true
			asked = append(asked, request)
		}
	}
	for _, list := range expects {
		for _, expect := range list {
			if of := expect.URL.Host; is.nameOf(of) == of || was.nameOf(of) == of {
				add(askedRequest{expect.Method, expect.URL, expect.From})
			}
		}
	}
	host := strings.Replace(is.config.Host, "*.", "any-name.", 1)
	get := func(method, path string) {
		add(askedRequest{method: method, url: config.RequestURL{Authority: host, Host: host, Target: path}})
	}
	get(http.MethodGet, "/")
	for _, of := range []*site{was, is} {
		for _, r := range of.routes {
			method := http.MethodGet
			if len(r.config.Methods) > 0 {
				method = r.config.Methods[0]
			}
			get(method, r.config.Path)
			if !r.config.Exact {
				get(method, strings.TrimSuffix(r.config.Path, "/")+"/any-page-below")
			}
		}
	}
	return asked
}
