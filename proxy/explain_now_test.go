package proxy

import (
	"strings"
	"testing"

	"reverse-proxy/proxy/admin"
)

// TestTheRunningProxyExplainsWhatItWouldDoNow compares explanations with the state that stages outside of an explanation read.
func TestTheRunningProxyExplainsWhatItWouldDoNow(t *testing.T) {
	d := startDaemonWithSite(t, rawUpstream(t, answerOK), "", "rate_limit = { requests_per_second = 0.001, burst = 1 }\nmaintenance_allow = [\"192.0.2.7\"]\n")
	explain := func(from string) *admin.Explanation {
		t.Helper()
		result := d.Explain(admin.ExplainOrder{Method: "GET", URL: "https://a.test:8443/", From: from})
		if result.Status != admin.StatusOK {
			t.Fatalf("got %+v", result)
		}
		return result.Explanation
	}
	expect := func(what string, x *admin.Explanation, status int, text string) {
		t.Helper()
		if x.Status != status || !strings.HasPrefix(x.Result, text) || (status != 0) != (len(x.Upstreams) == 0) {
			t.Errorf("%s: got the status %d, %q and the upstreams %v; want %d and %q", what, x.Status, x.Result, x.Upstreams, status, text)
		}
	}
	expect("at first", explain("192.0.2.1"), 0, "forwarded to ")
	d.Pause(admin.PauseOrder{Host: "a.test", MaxSecs: 600})
	expect("paused", explain("192.0.2.1"), 0, "waits until the site is resumed, then is forwarded to ")
	d.Maintenance(admin.MaintenanceOrder{Host: "a.test", On: true})
	expect("in maintenance", explain("192.0.2.1"), 503, "answered 503: the site is in maintenance")
	expect("in maintenance, for a client that is allowed", explain("192.0.2.7"), 0, "waits until the site is resumed, then is forwarded to ")
	d.Resume(admin.ResumeOrder{Host: "a.test"})
	d.Maintenance(admin.MaintenanceOrder{Host: "a.test"})
	d.raw(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	expect("without a token", explain("127.0.0.1"), 429, "answered 429: the client has no token left")
}
