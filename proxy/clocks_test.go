package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"reverse-proxy/proxy/deadline"
)

// TestNoClockIsLongerThanItsKey brings connections into each phase and checks the deadline that is set. Every key has a
// different value, far above the test's duration, so that no clock can be mistaken for another, or for a longer one.
func TestNoClockIsLongerThanItsKey(t *testing.T) {
	const header, idle, body, request = 1000 * time.Second, 2000 * time.Second, 3000 * time.Second, 4000 * time.Second
	const half = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nha"
	begin := func(text string) func(*testing.T, *dataPath, net.Conn) {
		return func(_ *testing.T, _ *dataPath, conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	frames := func(send func(f *http2.Framer)) func(*testing.T, *dataPath, net.Conn) {
		return func(_ *testing.T, _ *dataPath, conn net.Conn) {
			_, _ = io.WriteString(conn, http2.ClientPreface)
			f := http2.NewFramer(conn, conn)
			_ = f.WriteSettings()
			send(f)
		}
	}
	for _, test := range []struct {
		name     string
		protocol string
		do       func(t *testing.T, p *dataPath, conn net.Conn)
		phase    deadline.Phase
		timeout  time.Duration
	}{
		{"the handshake takes too long", "", begin(""), deadline.PhaseHandshake, header},
		{"the first request does not come", "http/1.1", begin(""), deadline.PhaseFirst, header},
		{"the rest of a head does not come", "http/1.1", begin("GET / HT"), deadline.PhaseHead, header},
		{"the next request does not come", "http/1.1", func(t *testing.T, _ *dataPath, conn net.Conn) {
			_, _ = io.WriteString(conn, getA)
			readResponse(t, bufio.NewReader(conn), "GET")
		}, deadline.PhaseIdle, idle},
		{"the rest of a second head does not come", "http/1.1", func(t *testing.T, _ *dataPath, conn net.Conn) {
			_, _ = io.WriteString(conn, getA)
			readResponse(t, bufio.NewReader(conn), "GET")
			_, _ = io.WriteString(conn, "GET / HT")
		}, deadline.PhaseHead, header},
		{"the rest of a head that came with the request before does not come", "http/1.1", begin(getA + "GET / HT"), deadline.PhaseHead, header},
		{"the rest of a body does not come", "http/1.1", begin(half), deadline.PhaseBody, body},
		{"the upstream does not answer", "http/1.1", begin("GET /silent HTTP/1.1\r\nHost: a.test\r\n\r\n"), deadline.PhaseUpstream, request},
		{"the upstream does not answer after a body in two parts", "http/1.1", func(t *testing.T, p *dataPath, conn net.Conn) {
			_, _ = io.WriteString(conn, "POST /silent HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nha")
			awaitPhase(t, p, deadline.PhaseBody, body) // else both parts might be read at once
			_, _ = io.WriteString(conn, "lf")
		}, deadline.PhaseUpstream, request},
		{"the preface does not come", "h2", begin(http2.ClientPreface[:8]), deadline.PhaseHead, header},
		{"the first stream does not begin", "h2", frames(func(*http2.Framer) {}), deadline.PhaseFirst, idle},
		{"the rest of a header block does not come", "h2", frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
		}), deadline.PhaseHead, header},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startPath(t, echoUpstream(t), func(o *pathOptions) {
				o.header, o.idle, o.bodyIdle, o.request = header, idle, body, request
			})
			var conn net.Conn
			var err error
			switch test.protocol {
			case "":
				conn, err = net.Dial("tcp", p.addr)
			case "h2":
				conn, err = tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"h2"}})
			default:
				conn = p.dial(t)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			test.do(t, p, conn)
			awaitPhase(t, p, test.phase, test.timeout)
		})
	}
}

// awaitPhase waits until the only connection is in a phase that began at most 100 seconds ago and has the given timeout.
func awaitPhase(t *testing.T, p *dataPath, phase deadline.Phase, timeout time.Duration) {
	t.Helper()
	waitFor(t, "the phase with its deadline", func() bool {
		w := onlyTimer(p)
		if w == nil {
			return false
		}
		elapsed, ok := w.Since(phase, timeout)
		// A sweep may have come after the deadline was set, and the deadline is set a sweep later than is due.
		return ok && elapsed >= -2*deadline.Interval && elapsed < 100*time.Second
	})
}

// slowClient is a client for which each write takes ten seconds on the sweeper's clock, and whose side never reports
// progress.
type slowClient struct {
	fakeClient
	sweeper *deadline.Sweeper
}

func (c *slowClient) Write(p []byte) (int, error) {
	c.sweeper.Clock.Add(int64(10 * time.Second))
	return c.fakeClient.Write(p)
}

// TestEachPartOfAnAnswerSetsItsClockAnew checks that an answer may stall for body_idle_timeout_secs after each part of
// it, even if the client's side knows of no progress (S-6.9).
func TestEachPartOfAnAnswerSetsItsClockAnew(t *testing.T) {
	p := newTestPipeline(t)
	sweeper := deadline.NewSweeper()
	client := &slowClient{fakeClient{method: "GET"}, sweeper}
	x := new(exchange)
	timer := &deadline.Timer{Owner: x, Sweeper: sweeper}
	x.reset(getRequest("/"), client, timer, 0)
	p.handle(x)
	elapsed, ok := timer.Since(deadline.PhaseBody, time.Minute)
	if client.body.String() != "hello" || !ok || elapsed > time.Second {
		t.Errorf("after %q: %v since the clock was set (%v); want it set after the write", client.body.String(), elapsed, ok)
	}
}

// onlyTimer returns the timer of the only connection.
func onlyTimer(p *dataPath) *deadline.Timer {
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	for c := range p.registry.conns {
		return c.deadline()
	}
	return nil
}

// TestASetTimeLastsThatLong checks both ends of a deadline on the sweeper's clock: it has not passed before its time, and
// has passed two sweeps after it.
func TestASetTimeLastsThatLong(t *testing.T) {
	for _, timeout := range []time.Duration{time.Second, time.Minute, time.Hour} {
		s := deadline.NewSweeper()
		owner := &recordingOwner{}
		w := &deadline.Timer{Owner: owner}
		s.Add(w)
		w.Set(deadline.PhaseIdle, timeout)
		w.Check(int64(timeout))
		if owner.expired != 0 {
			t.Errorf("%v: got it expired at its time, want a sweep's grace", timeout)
		}
		w.Check(int64(timeout + 2*deadline.Interval))
		if owner.expired != 1 {
			t.Errorf("%v: got it expired %d times after it, want once", timeout, owner.expired)
		}
	}
}

// recordingOwner counts how often its timer has expired.
type recordingOwner struct{ expired int }

func (o *recordingOwner) Look(deadline.Phase) time.Duration   { return 0 }
func (o *recordingOwner) Extend(deadline.Phase) time.Duration { return 0 }
func (o *recordingOwner) Expire(deadline.Phase)               { o.expired++ }
func (*recordingOwner) Overdue()                              {}
