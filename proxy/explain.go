package proxy

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/routing"
	"reverse-proxy/proxy/wording"
)

// explain says what would become of a request (S-21.1). It sends nothing and changes nothing. The error says what to
// write instead. The routes must already have their lists of upstreams (balanceOn).
func (d *DynamicConfig) explain(order admin.ExplainOrder) (*admin.Explanation, evaluation, error) {
	url, problem := config.ParseRequestURL(order.URL)
	if problem != "" {
		return nil, evaluation{}, fmt.Errorf("%s %s", wording.Quoted(order.URL), problem)
	}
	if !http1.ValidMethod(order.Method) {
		return nil, evaluation{}, fmt.Errorf("-X: %s is not a method; write one as in GET", wording.Quoted(order.Method))
	}
	from, clientFrom := netip.Addr{}, "an example; --from names another"
	if order.From != "" {
		var err error
		if from, err = netip.ParseAddr(order.From); err != nil || from.Zone() != "" {
			return nil, evaluation{}, fmt.Errorf("--from: %s is not an IP address; write one as in 203.0.113.9", wording.Quoted(order.From))
		}
		clientFrom = "the address of the connection"
	}
	for _, field := range order.Fields {
		if strings.ContainsAny(field, "\r\n") || !strings.Contains(field, ":") {
			return nil, evaluation{}, fmt.Errorf("-H: %s is not a field line; write one as in 'Cookie: a=b'", wording.Quoted(field))
		}
	}
	choices := make([]config.ListenerChoice, len(d.sites))
	for i, of := range d.sites {
		choices[i] = config.ListenerChoice{Addresses: of.addresses, Port: of.port, Serves: d.sites.find(i, url.Host) != nil}
	}
	listener, problem := config.ChooseListener(choices, url.Port, order.Listener)
	if problem != "" {
		return nil, evaluation{}, fmt.Errorf("%s: %s", wording.Quoted(order.URL), problem)
	}
	e, err := d.evaluate(listener, order.Method, url, from, order.Fields)
	if err != nil {
		return nil, evaluation{}, fmt.Errorf("the request is malformed, and gets 400 before any stage: %w", err)
	}
	return e.explanation(order, clientFrom), e, nil
}

// explanation describes what the stages have made of the request.
func (e evaluation) explanation(order admin.ExplainOrder, clientFrom string) *admin.Explanation {
	x := &admin.Explanation{
		Request: order.Method + " " + order.URL, Result: e.text(), AnsweredBy: e.stage, Location: e.location(),
		Listener: e.config.sites[e.listener].name, Client: e.request.ClientText, ClientFrom: cmp.Or(e.clientFrom, clientFrom),
		Limit:     admin.ExplainedLimit{RequestsPerSecond: e.config.RateLimit.RequestsPerSecond, Burst: e.config.RateLimit.Burst, From: "the file", Bucket: shareHolder(e.request.Client)},
		BodyLimit: e.config.BodyLimit, BodyLimitFrom: "the file",
	}
	rules := e.config.ResponseHeaders
	if made := e.decision; made.site != nil {
		x.Site = &admin.ExplainedSite{Host: made.site.config.Host, Name: made.site.nameOf(e.host), Key: made.site.key}
		x.Route = e.explainRoute()
		x.Access = e.explainAccess()
		of := made.route.config
		rules = of.ResponseHeaders
		if of.RateFrom != config.LevelDefault {
			x.Limit.RequestsPerSecond, x.Limit.Burst, x.Limit.From = of.Rate.RequestsPerSecond, of.Rate.Burst, "the "+of.RateFrom.String()
		}
		if of.BodyLimitFrom != config.LevelDefault {
			x.BodyLimit, x.BodyLimitFrom = of.BodyLimit, "the "+of.BodyLimitFrom.String()
		}
		if of.Total > 0 {
			x.Limit.Others = append(x.Limit.Others, fmt.Sprintf("%s a second for all clients together (from the %s)", strconv.FormatFloat(of.Total, 'f', -1, 64), of.TotalFrom))
		}
		if of.Concurrent > 0 {
			x.Limit.Others = append(x.Limit.Others, fmt.Sprintf("%d at once for all clients together (from the %s)", of.Concurrent, of.ConcurrentFrom))
		}
	}
	x.ResponseRules = ruleTexts(rules)
	if e.answer != nil {
		x.Status = e.answer.status
		return x
	}
	x.Target, x.Upstreams = e.forwardedTarget(), e.upstreamsNow()
	x.Fields = append(x.Fields, admin.ExplainedField{Name: "Host", Value: e.request.Authority})
	for _, field := range e.request.Fields {
		x.Fields = append(x.Fields, admin.ExplainedField(field))
	}
	return x
}

// nameOf returns the name of the site that a host was found by.
func (s *site) nameOf(host string) string {
	name := s.config.Host
	for _, known := range s.config.Names() {
		if known == host {
			return host
		}
		if rest, ok := config.IsWildcard(known); ok && strings.HasSuffix(host, "."+rest) {
			name = known
		}
	}
	return name
}

// explainRoute describes the choice of the route.
func (e evaluation) explainRoute() *admin.ExplainedRoute {
	path, _, _ := strings.Cut(e.request.Target, "?")
	table := &e.config.sites[e.listener].table
	read := routing.MostLenient(path)
	routeOf := func(path string) string {
		if r, ok := table.Came(e.host, e.request.Method, path); ok {
			return r.config.Path
		}
		return ""
	}
	x := &admin.ExplainedRoute{Key: e.decision.route.key, Path: path, ReadAs: read, CameTo: routeOf(path), ReadTo: routeOf(read),
		Ambiguous: e.decision.outcome == pathAmbiguous}
	if e.takenBy() != "" {
		x.Chosen = e.decision.route.config.String()
	}
	return x
}

// ruleTexts lists header rules with the level at which each was set.
func ruleTexts(rules *headers.Rules) []string {
	var texts []string
	for rule := range rules.All() {
		texts = append(texts, fmt.Sprintf("%s (from the %s)", rule, rule.Level))
	}
	return texts
}

// runExplain explains a request. If --config is given, it uses that configuration file and contacts no daemon.
// Otherwise it uses what the running daemon serves.
func runExplain(c commandLine, stdout, stderr io.Writer) int {
	if !c.configGiven {
		return runClient(c, stdout, stderr)
	}
	cfg, err := config.Load(c.config, true)
	if err != nil {
		_ = wording.WriteLines(stderr, config.ErrorLines(err))
		return exitcode.Error
	}
	dynamic := newDynamic(cfg, cfg.Listeners, time.Time{})
	dynamic.balanceOn(newUpstreams(1)) // this gives the order of a daemon that has just started
	explanation, _, err := dynamic.explain(c.explainOrder())
	if err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: explain: %v\n", err)
		return exitcode.Usage
	}
	result := admin.ExplainResult{Status: admin.StatusOK, Path: c.config, Explanation: explanation}
	if err := admin.WriteExplanation(stdout, result, c.text || !c.json && isTerminal(stdout)); err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: explain: cannot write the answer: %v\n", err)
		return exitcode.Error
	}
	return exitcode.OK
}
