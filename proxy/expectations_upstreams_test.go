package proxy

import (
	"testing"

	"reverse-proxy/proxy/config"
)

func TestAnUpstreamIsExpectedAmongSeveral(t *testing.T) {
	e := evaluation{exchange: &exchange{route: &route{config: config.Route{Upstreams: config.Upstreams{{Address: "a:1"}, {Address: "b:1"}}}}}}
	wanted := "b:1"
	if got := e.expectedUpstream(&wanted); got != "b:1" {
		t.Errorf("got %s, want the one that is expected", got)
	}
	wanted = "c:1"
	if got := e.expectedUpstream(&wanted); got != "a:1, b:1" {
		t.Errorf("got %s, want all", got)
	}
}
