package proxy

import (
	"bufio"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
)

// checked returns the check of an upstream at an address, for upstreams that close with the test. The timeout of the
// check ends, with an error, a check that nothing else has ended.
func checked(t *testing.T, u *upstreams, address string) (*balance.State, upstreamCheck) {
	t.Helper()
	settings := config.Settings{UpstreamScheme: "http", UpstreamProtocol: "http1", ConnectTimeout: patience, RequestTimeout: patience,
		Health: config.Health{Path: "/up", Interval: time.Hour, Timeout: 20 * time.Second, Rise: 1, Fall: 1, ExpectStatus: 200}}
	r := newRoute(&site{config: config.Site{Host: "a.test"}}, "", config.Route{Upstreams: config.OneUpstream(address), Settings: settings})
	return u.states.State(r.stateKey(address)), upstreamCheck{u.target(r, 0), "a.test", settings.Health}
}

// TestChecksEndWithWhatWantsThem checks that a check leaves neither a goroutine nor a connection after a reload that removes
// it, or after the end of the daemon, whatever the upstream does. Such a check must say nothing about its upstream (S-18.3).
func TestChecksEndWithWhatWantsThem(t *testing.T) {
	for name, ends := range map[string]func(u *upstreams){
		"a reload ends them":              func(u *upstreams) { u.checks.keep(nil) },
		"the end of the daemon ends them": func(u *upstreams) { u.checks.close() },
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			var open atomic.Int64
			hangs := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				open.Add(1)
				defer open.Add(-1)
				for { // answers nothing
					if _, err := r.ReadByte(); err != nil {
						return
					}
				}
			})
			u := newUpstreams(100)
			t.Cleanup(u.close)
			state, check := checked(t, u, hangs)
			u.checks.keep(map[*balance.State]upstreamCheck{state: check})
			waitFor(t, "the check", func() bool { return open.Load() == 1 })
			u.checks.keep(map[*balance.State]upstreamCheck{state: check}) // a reload that keeps it begins no other one
			ends(u)
			waitFor(t, "the end of the check", func() bool { return open.Load() == 0 })
			u.checks.close()
			if info := state.Info(); info.LastError != nil || info.State != balance.Starting {
				t.Errorf("got %+v, want nothing known about the upstream", info)
			}
			u.checks.keep(map[*balance.State]upstreamCheck{state: check}) // a reload that comes late
			if len(u.checks.running) != 0 {
				t.Error("a check has begun after the end")
			}
		})
	}
}

// TestACheckWithALargeHeadSucceeds checks an upstream whose answer has a large head, while all places of such heads are taken.
func TestACheckWithALargeHeadSucceeds(t *testing.T) {
	u := newUpstreams(100)
	t.Cleanup(u.close)
	address := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		_, _ = conn.Write(responseWithField(2 * upstreamBufferBytes))
	})
	for !u.lookahead.heads.full() {
		u.lookahead.heads.join(nil, 0)
	}
	_, check := checked(t, u, address)
	if err := check.run(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestManyReloadsKeepOneCheckEach changes what is checked many times.
func TestManyReloadsKeepOneCheckEach(t *testing.T) {
	leaks(t)
	u := newUpstreams(100)
	t.Cleanup(u.close)
	dead := deadUpstream(t)
	_, port, _ := net.SplitHostPort(dead)
	for i := range 200 {
		wanted := map[*balance.State]upstreamCheck{}
		for n := range 5 {
			state, check := checked(t, u, "127.0.0."+strconv.Itoa(1+(i+n)%20)+":"+port)
			wanted[state] = check
		}
		u.checks.keep(wanted)
		if len(u.checks.running) != len(wanted) {
			t.Fatalf("reload %d: got %d checks, want %d", i, len(u.checks.running), len(wanted))
		}
	}
}
