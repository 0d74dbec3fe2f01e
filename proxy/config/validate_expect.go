package config

import (
	"net/netip"
	"strconv"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// expectExample is a request of an `[[expect]]` entry.
const expectExample = `write a method and a URL, as in "GET https://example.com/api"`

// expects resolves `[[expect]]`. Whether requests meet the expectations is tested outside this package.
func (v *validator) expects(raws []rawExpect, listeners []Listener) []Expect {
	if len(raws) == 0 {
		return nil
	}
	hosts := newHostTable(listeners)
	var expects []Expect
	for i, raw := range raws {
		expects = append(expects, v.expect(IndexKey("expect", i), raw, hosts))
	}
	return expects
}

// expect resolves one entry.
func (v *validator) expect(key string, raw rawExpect, hosts hostTable) Expect {
	e := Expect{
		Key: key, Status: int(orDefault(raw.Status, 0)),
		Route: raw.Route, Upstream: raw.Upstream, Location: raw.Location, Site: raw.Site,
		From: v.expectAddress(ChildKey(key, "from"), raw.From), ClientIP: v.expectAddress(ChildKey(key, "client_ip"), raw.ClientIP),
	}
	if raw.Status != nil && (e.Status < 200 || e.Status > 599) {
		v.add(ChildKey(key, "status"), "%d is not a response status; write one from 200 to 599", *raw.Status)
	}
	if raw.Route == nil && raw.Upstream == nil && raw.Status == nil && raw.Location == nil && raw.Site == nil && raw.ClientIP == nil {
		v.add(key, "expects nothing; write one or more of route, upstream, status, location, site and client_ip")
	}
	if raw.Route != nil && *raw.Route != "" && !strings.HasPrefix(*raw.Route, "/") {
		v.add(ChildKey(key, "route"), "%s is not the path of a route; write one as in \"/api\", or \"\" for a request that no route takes", wording.Quoted(*raw.Route))
	}
	v.expectRequest(&e, raw, hosts)
	return e
}

// expectAddress resolves an address of a client.
func (v *validator) expectAddress(key string, value *string) netip.Addr {
	if value == nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(*value)
	if err != nil || addr.Zone() != "" {
		v.add(key, "%s is not an IP address; write one as in \"203.0.113.9\"", wording.Quoted(*value))
	}
	return addr.Unmap()
}

// expectRequest resolves the request of an entry, and finds the listener that gets it.
func (v *validator) expectRequest(e *Expect, raw rawExpect, hosts hostTable) {
	key := ChildKey(e.Key, "request")
	text := v.required(key, raw.Request, expectExample)
	if text == "" {
		return
	}
	method, url, found := strings.Cut(text, " ")
	e.Request, e.Method = text, method
	var problem string
	switch {
	case !found:
		problem = "is not a method and a URL; " + expectExample
	case !http1.ValidMethod(method):
		problem = "does not begin with a method; " + expectExample
	case strings.ToUpper(method) != method:
		problem = "has its method in lower case, and methods are case-sensitive; write " + wording.Quoted(strings.ToUpper(method))
	default:
		e.URL, problem = ParseRequestURL(url)
	}
	if problem != "" {
		v.add(key, "%s %s", wording.Quoted(text), problem)
		return
	}
	if !hosts.complete {
		return // the host may belong to a site with an error
	}
	choices := hosts.choices(e.URL.Host)
	if e.Listener, problem = ChooseListener(choices, e.URL.Port, orDefault(raw.Listener, "")); problem != "" {
		at := key
		if raw.Listener != nil {
			at = ChildKey(e.Key, "listener")
		}
		v.add(at, "%s", problem)
		return
	}
	if !choices[e.Listener].Serves {
		v.add(key, "no site has the host %s; write %s", wording.Quoted(e.URL.Host), hosts.otherwise(e.URL.Host, choices))
	}
}

// hostTable finds the listeners that serve a host.
type hostTable struct {
	listeners []Listener
	tables    []routing.Table[bool, bool]
	// complete reports whether all sites have a valid host.
	complete bool
}

// newHostTable returns the table of the listeners.
func newHostTable(listeners []Listener) hostTable {
	t := hostTable{listeners, make([]routing.Table[bool, bool], len(listeners)), true}
	for i, listener := range listeners {
		for _, site := range listener.Sites {
			t.complete = t.complete && site.Host != ""
			t.tables[i].Add(site.Names(), true, nil)
		}
	}
	return t
}

// choices returns the listeners for a request to the host.
func (t hostTable) choices(host string) []ListenerChoice {
	choices := make([]ListenerChoice, len(t.listeners))
	for i, listener := range t.listeners {
		_, serves := t.tables[i].Site(host)
		choices[i] = ListenerChoice{listener.Addresses(), strconv.Itoa(listener.HTTPSPort), serves}
	}
	return choices
}

// otherwise says what to write instead of a host that the listener of the request does not serve.
func (t hostTable) otherwise(host string, choices []ListenerChoice) string {
	for _, choice := range choices {
		if choice.Serves {
			return "the port too, as in " + wording.Quoted("https://"+host+":"+choice.Port+"/") + ", where a listener serves it"
		}
	}
	var known []string
	for _, listener := range t.listeners {
		for _, site := range listener.Sites {
			known = append(known, site.Names()...)
		}
	}
	if near, ok := wording.Nearest(host, known); ok {
		return "a host that a site has; did you mean " + wording.Quoted(near) + "?"
	}
	return "a host or an alias of a site"
}
