package check

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"reverse-proxy/proxy/config"
)

func TestAnUpstreamThatAcceptsNoConnectionIsSilent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	up := listener.Addr().String()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := gone.Addr().String()
	_ = gone.Close()
	several := config.Site{Host: "a.test", Upstreams: config.Upstreams{{Address: up, Weight: 1}, {Address: down, Weight: 1}}}
	one := config.Site{Host: "b.test", Upstreams: config.OneUpstream("127.0.0.1:1")}
	c := &checker{env: environment{connect: connectTo}, cfg: &config.Config{Listeners: []config.Listener{{Sites: []config.Site{several, one}}}}}
	local := map[string]lookup{"127.0.0.1": {addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}}
	got := c.silentUpstreams(context.Background(), local)
	if len(got) != 1 || got[down] != "connection refused" {
		t.Errorf("got %v, want only %s, which refuses connections", got, down)
	}
}
