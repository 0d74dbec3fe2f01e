package proxy

import (
	"net/netip"
	"strings"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/http1"
)

// exampleClient is the client's address if the request has none (RFC 5737).
const exampleClient = "192.0.2.1"

// evaluation is what the stages decide about a request that was never sent.
type evaluation struct {
	*exchange
	// stage is the stage that answers, and answer its answer; "" and nil for a request that is forwarded.
	stage  string
	answer *answer
	// clientFrom says how the client was found, if a trusted proxy names it; otherwise it is "".
	clientFrom string
}

// evaluate finds out what the stages decide about a request for a URL on a running listener (S-21.1). It runs the
// stages that would serve the request, in the same order. It leaves out what would change something or wait for
// something, so evaluate is a pure function too. fields are further field lines. from is the client's address; the zero
// Addr for an example. The error says why no client could send the request.
func (d *DynamicConfig) evaluate(listener int, method string, url config.RequestURL, from netip.Addr, fields []string) (evaluation, error) {
	var head http1.Request
	if _, err := head.Parse(url.Head(method, fields), 0); err != nil {
		return evaluation{}, err
	}
	if !from.IsValid() {
		from = netip.MustParseAddr(exampleClient)
	}
	request := &Request{Client: from.Unmap(), Peer: from.Unmap(), ClientText: from.Unmap().String(), Port: d.sites[listener].port}
	request.takeHead(&head)
	return d.evaluateRequest(listener, request), nil
}

// evaluateRequest is evaluate for a request as the stages see it. It changes the fields of the request.
func (d *DynamicConfig) evaluateRequest(listener int, request *Request) evaluation {
	e := evaluation{exchange: new(exchange)}
	e.reset(request, nil, nil, listener)
	e.config, e.host = d, hostOf(request)
	if clients := &d.sites[listener].clients; clients.Trusted.Contains(request.Client) {
		peer := request.Client
		e.scratch = e.via.find(request, clients, e.scratch)
		e.clientFrom = e.via.how(request.Fields, clients.Header, peer)
	}
	e.decision = d.decide(listener, e.host, request)
	if site := e.decision.site; site != nil && site.demand != nil {
		request.Identity = site.demand.example()
	}
	for _, stage := range new(pipeline).requestStages() {
		run := stage.run
		if stage.acts {
			run = stage.plan
		}
		if run == nil {
			continue
		}
		if e.answer = run(e.exchange); e.answer != nil {
			e.stage = stage.name
			return e
		}
	}
	e.call.to = upstreamTarget{config: &e.route.config, stripped: e.route.stripped()}
	return e
}

// location returns the target of a redirect; "" if the answer is not a redirect.
func (e evaluation) location() string {
	if e.answer == nil {
		return ""
	}
	return e.answer.fields.Get("Location")
}

// upstreamURL returns the scheme and the address of an upstream of a request that is forwarded, as in
// `http://127.0.0.1:3000`, and whether it is a backup.
func (e evaluation) upstreamURL(i int) string {
	upstream := e.route.config.Upstreams[i]
	text := e.route.config.UpstreamScheme + "://" + upstream.Address
	if upstream.Backup {
		text += " (backup)"
	}
	return text
}

// upstreamURLs returns all upstreams of a request that is forwarded. The backups come last, as for every request.
func (e evaluation) upstreamURLs() []string {
	var urls, backups []string
	for i, upstream := range e.route.config.Upstreams {
		if upstream.Backup {
			backups = append(backups, e.upstreamURL(i))
		} else {
			urls = append(urls, e.upstreamURL(i))
		}
	}
	return append(urls, backups...)
}

// forwardedTarget returns the path and the query that the upstream gets.
func (e evaluation) forwardedTarget() string {
	line := string(e.call.appendRequestLine(nil))
	return strings.TrimSuffix(strings.TrimPrefix(line, e.request.Method+" "), " HTTP/1.1\r\n")
}

// takenBy returns the path of the route of the file that takes the request; "" for none.
func (e evaluation) takenBy() string {
	if e.decision.route == nil {
		return ""
	}
	return e.decision.route.config.Path
}
