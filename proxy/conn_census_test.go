package proxy

import (
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

func TestTheCensusCountsByProtocolAndState(t *testing.T) {
	r := newRegistryTest(100)
	serving := func(p deadline.Phase, http2 bool) {
		c := r.open(t, p)
		c.serving.Store(true)
		if http2 {
			c.http2.Store(new(h2Conn))
		}
	}
	r.open(t, deadline.PhaseNone) // accepted, and not begun yet
	r.open(t, deadline.PhaseHandshake)
	for _, p := range []deadline.Phase{deadline.PhaseIdle, deadline.PhaseFirst, deadline.PhaseHead, deadline.PhaseUpstream, deadline.PhaseBody, deadline.PhaseTunnel, deadline.PhaseLinger, deadline.PhaseNone} {
		serving(p, false)
	}
	for _, p := range []deadline.Phase{deadline.PhaseIdle, deadline.PhaseIdle, deadline.PhaseNone} {
		serving(p, true)
	}
	r.sweeper.Add(&deadline.Timer{Owner: new(exchange)}) // a stream is not a connection
	r.server = &siteServer{registry: r.connRegistry, headerTimeout: time.Second, idleTimeout: time.Second}
	for _, p := range []deadline.Phase{deadline.PhaseNone, deadline.PhaseFirst, deadline.PhaseHead} {
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
