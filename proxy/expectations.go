package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// checkExpectations returns a config.Errors with an error for each expectation of a valid configuration that is not met
// (S-21.2), or nil. The expectations are about the configuration as a start would serve it, whatever listeners run at
// present.
func checkExpectations(cfg *config.Config) error {
	if len(cfg.Expects) == 0 {
		return nil
	}
	dynamic := newDynamic(cfg, cfg.Listeners, time.Time{})
	var failed config.Errors
	for _, expect := range cfg.Expects {
		failed = append(failed, dynamic.failedExpectations(expect)...)
	}
	if failed == nil {
		return nil
	}
	return failed
}

// failedExpectations returns an error for each expectation of one entry that is not met.
func (d *DynamicConfig) failedExpectations(expect config.Expect) []config.KeyError {
	e, err := d.evaluate(expect.Listener, expect.Method, expect.URL, expect.From, nil)
	if err != nil {
		return []config.KeyError{expect.Error("request", fmt.Sprintf("%s cannot be sent: %v; write another request", wording.Quoted(expect.Request), err))}
	}
	var failed []config.KeyError
	differs := func(name, got, want string) {
		if got != want {
			failed = append(failed, expect.Error(name, fmt.Sprintf("%s is %s; got %s, want %s",
				wording.Quoted(expect.Request), e.text(), orNone(got), orNone(want))))
		}
	}
	text := func(name string, want *string, got string) {
		if want != nil {
			differs(name, got, *want)
		}
	}
	site, upstream := "", ""
	if e.decision.site != nil {
		site = e.decision.site.config.Host
	}
	if e.answer == nil {
		upstream = e.expectedUpstream(expect.Upstream)
	}
	text("site", expect.Site, site)
	text("route", expect.Route, e.takenBy())
	text("upstream", expect.Upstream, upstream)
	switch {
	case expect.Status == 0:
	case e.answer == nil:
		failed = append(failed, expect.Error("status", fmt.Sprintf("%s is %s, so that its status is the upstream's and not known here; write upstream in place of status",
			wording.Quoted(expect.Request), e.text())))
	default:
		differs("status", strconv.Itoa(e.answer.status), strconv.Itoa(expect.Status))
	}
	text("location", expect.Location, e.location())
	if expect.ClientIP.IsValid() {
		differs("client_ip", e.request.ClientText, expect.ClientIP.String())
	}
	return failed
}

// orNone renders a value of an expectation.
func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return wording.Quoted(value)
}

// expectedUpstream returns the wanted upstream if the request may go to it, and otherwise all upstreams of its route.
func (e evaluation) expectedUpstream(wanted *string) string {
	var addresses []string
	for _, upstream := range e.route.config.Upstreams {
		if wanted != nil && upstream.Address == *wanted {
			return *wanted
		}
		addresses = append(addresses, upstream.Address)
	}
	return strings.Join(addresses, ", ")
}
