package proxy

import "testing"

func BenchmarkProxyFields(b *testing.B) {
	names := []string{"user-agent", "accept", "accept-encoding", "accept-language", "cookie", "referer", "sec-fetch-dest", "sec-fetch-mode"}
	fields := make(Fields, 0, 32)
	p := &pipeline{}
	x := &exchange{request: &Request{ClientText: "192.0.2.7", Authority: "a.test"}, config: &DynamicConfig{sites: []*listenerSites{{}}}}
	for b.Loop() {
		fields = fields[:0]
		for _, name := range names {
			fields = append(fields, Field{Name: name, Value: "x"})
		}
		x.request.Fields = fields
		p.proxyFields(x)
		fields = x.request.Fields
	}
}
