package proxy

import (
	"testing"
	"time"
)

func TestTheCensusCountsByProtocolAndState(t *testing.T) {
	r := newRegistryTest(100)
	serving := func(p phase, http2 bool) {
		c := r.open(t, p)
		c.serving.Store(true)
		if http2 {
			c.http2.Store(new(h2Conn))
		}
	}
	r.open(t, phaseNone) // accepted, and not begun yet
	r.open(t, phaseHandshake)
	for _, p := range []phase{phaseIdle, phaseFirst, phaseHead, phaseUpstream, phaseBody, phaseTunnel, phaseLinger, phaseNone} {
		serving(p, false)
	}
	for _, p := range []phase{phaseIdle, phaseIdle, phaseNone} {
		serving(p, true)
	}
	r.sweeper.add(&watch{owner: new(exchange)}) // a stream is no connection
	r.server = &siteServer{registry: r.connRegistry, headerTimeout: time.Second, idleTimeout: time.Second}
	for _, p := range []phase{phaseNone, phaseFirst, phaseHead} {
		r.open(t, p)
	}
	want := [len(connProtocols)][2]int{
		connShaking: {connActive: 2}, connHTTP1: {connIdle: 2, connActive: 6}, connHTTP2: {connIdle: 2, connActive: 1},
		connRedirect: {connIdle: 1, connActive: 2},
	}
	got := r.census()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	open, admitted := r.counts()
	total := 0
	for _, states := range got {
		total += states[connIdle] + states[connActive]
	}
	if total != open || admitted != uint64(open) {
		t.Errorf("got %d in the census, %d open and %d admitted, want the same", total, open, admitted)
	}
}
