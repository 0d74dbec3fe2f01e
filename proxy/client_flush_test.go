package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

// TestADrainDoesNotWaitLongForAClientThatReadsNothing has a client request an answer that the kernel holds, and read none
// of it. The answer is complete except for that.
func TestADrainDoesNotWaitLongForAClientThatReadsNothing(t *testing.T) {
	const bodyIdle = time.Hour
	upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 200<<10, strings.Repeat("x", 200<<10))
	})
	for _, test := range []struct {
		name     string
		first    bool // the drain begins before the connection ends
		bodyIdle time.Duration
		want     time.Duration
	}{
		{"the drain begins while the client reads nothing", false, bodyIdle, drainFlushTime},
		{"the drain begins before that", true, bodyIdle, drainFlushTime},
		{"the time limit for idle bodies is shorter", true, 2 * time.Second, 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPath(t, upstream, func(o *pathOptions) { o.bodyIdle = test.bodyIdle })
			c := dialUnread(t, p, "http/1.1")
			if test.first {
				p.isDraining.Store(true)
			}
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			var conn *clientConn
			waitFor(t, "the answer to be complete", func() bool {
				p.registry.mu.Lock()
				defer p.registry.mu.Unlock()
				for one := range p.registry.conns {
					conn, _ = one.(*clientConn)
				}
				return conn != nil && conn.timer.Phase() == deadline.PhaseFlush
			})
			p.isDraining.Store(true)
			conn.drain()
			limit := test.want + 2*deadline.Interval
			waitFor(t, "a short clock", func() bool { // the sweeper may just have extended the previous deadline
				left, flushing := conn.timer.Since(deadline.PhaseFlush, 0)
				return flushing && -left <= limit
			})
		})
	}
}
