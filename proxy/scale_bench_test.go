package proxy

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"reverse-proxy/proxy/limit"
)

// scales are numbers of sites, and of routes of each.
var scales = []struct{ sites, routes int }{{1, 0}, {1000, 0}, {1, 10}, {1000, 10}}

// BenchmarkPipelineSites measures the stages of a request up to its route, which do not depend on the number of
// sites and routes.
func BenchmarkPipelineSites(b *testing.B) {
	for _, scale := range scales {
		b.Run(fmt.Sprintf("sites=%d/routes=%d", scale.sites, scale.routes), func(b *testing.B) {
			p := startPath(b, "127.0.0.1:1", func(o *pathOptions) { o.otherSites, o.routes = scale.sites-1, scale.routes })
			stages := p.pipeline.stages[:len(p.pipeline.stages)-1] // all but forward
			fields := fieldList("Accept", "*/*", "User-Agent", "x", "Accept-Encoding", "gzip", "Cookie", "a=b", "", "", "", "", "", "", "", "", "", "")
			given := len(fields) - 5
			x, r := new(exchange), getRequest("/user/repo")
			b.ReportAllocs()
			for b.Loop() {
				r.Authority, r.Fields = "a.test", fields[:given]
				x.reset(r, nil, nil, 0)
				x.config, x.host = p.pipeline.dynamic.Load(), hostOf(r)
				x.decision = x.config.decide(0, x.host, r)
				for i := range stages {
					if answer := stages[i].run(x); answer != nil {
						b.Fatalf("the stage %q answers %d", stages[i].name, answer.status)
					}
				}
			}
			want := p.site
			if scale.routes > 0 {
				want = p.site.site.routes[0]
			}
			if x.route != want {
				b.Error("not routed to its route")
			}
		})
	}
}

// BenchmarkARequestSites measures a whole request with few and many sites and routes.
func BenchmarkARequestSites(b *testing.B) {
	for _, scale := range scales {
		b.Run(fmt.Sprintf("sites=%d/routes=%d", scale.sites, scale.routes), func(b *testing.B) {
			benchmarkARequest(b, func(o *pathOptions) { o.otherSites, o.routes = scale.sites-1, scale.routes }, 0)
		})
	}
}

// BenchmarkARequestTracked measures a whole request with few and many client addresses tracked by the limiter. For
// only the limiter see limit.BenchmarkLimiterAllow.
func BenchmarkARequestTracked(b *testing.B) {
	for _, clients := range []int{1, 1_000_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			benchmarkARequest(b, nil, clients-1)
		})
	}
}

func benchmarkARequest(b *testing.B, change func(*pathOptions), tracked int) {
	s, p := newSteadyPath(b, browserGet, "\r\n\r\n", okResponse, okResponse, change)
	for i := range tracked {
		p.shared.limits.limiter.Allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), limit.Config{RequestsPerSecond: 1e6, Burst: 1e6})
	}
	runtime.GC() // so that earlier allocations are not measured
	s.once(b)
	b.ReportAllocs()
	for b.Loop() {
		s.once(b)
	}
}
