package proxy

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/share"
)

// TestTheAddressesOfOneClientAreOneRepeatingFailure checks that an IPv6 client, which has all addresses of its /64, gets
// one line for what it does with them, as an IPv4 address does.
func TestTheAddressesOfOneClientAreOneRepeatingFailure(t *testing.T) {
	clients := []string{"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "2001:db8:1:3::1", "192.0.2.1"}
	for name, log := range map[string]func(s *siteServer, client netip.Addr){
		"HTTP2_ABUSE": func(s *siteServer, client netip.Addr) {
			c := &clientConn{peerAddr: client, peerText: client.String()}
			s.logHTTP2(c, &http2.Error{Code: http2.EnhanceYourCalm, Reason: "a flood"})
		},
		"ANSWER_SHARE": func(s *siteServer, client netip.Addr) { logParked(s.log, client, 1, 4) },
		"UPSTREAM_SHARE": func(s *siteServer, client netip.Addr) {
			x := &exchange{
				request: &Request{Client: client, ClientText: client.String(), Fields: http1.Fields{}},
				route:   &route{config: config.Route{Upstreams: config.OneUpstream("192.0.2.9:80")}},
			}
			s.pipeline.gaveWay(x, &shareError{limit: share.OfClient, held: 2, of: 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, lines := eventlogtest.Bubble(t, eventlog.New, eventlog.Options{})
				s := &siteServer{log: l, pipeline: &pipeline{log: l, metrics: newMetrics()}}
				for _, client := range clients {
					log(s, netip.MustParseAddr(client))
				}
				if got := len(lines()); got != 3 { // two prefixes and an IPv4 address
					t.Errorf("got %d lines at once for three clients: %q", got, lines())
				}
			})
		})
	}
}
