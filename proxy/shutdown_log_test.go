package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestARequestThatAShutdownCutsIsLogged cuts requests over both protocols at the end of the drain: many at the same
// time, so that some take longer to end than others.
func TestARequestThatAShutdownCutsIsLogged(t *testing.T) {
	const each = 40
	var begun atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(_ string, r *bufio.Reader, _ net.Conn) {
		begun.Add(1)
		_, _ = r.ReadByte() // until the proxy closes the connection
	}), "")
	two := newH2Client(t, d)
	two.quiet = true
	for i := range uint32(each) {
		one := d.dial(t, "http/1.1")
		if _, err := io.WriteString(one, "GET /one HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		two.request(2*i+1, "GET", "/two", true)
	}
	waitFor(t, "all requests", func() bool { return begun.Load() == 2*each })
	d.signals <- syscall.SIGTERM
	waitFor(t, "the drain", func() bool { return strings.Contains(d.log.String(), "phase=drain") })
	d.signals <- syscall.SIGTERM // the test need not wait for its end
	d.stopWithin(t, patience)

	log := d.log.String()
	for _, path := range []string{"/one", "/two"} {
		if got := strings.Count(log, " path="+path+" "); got != each {
			t.Errorf("got %d REQUEST lines for %s, want %d", got, path, each)
		}
	}
	if at := strings.Index(log, "phase=done"); at < 0 || strings.Contains(log[at:], " REQUEST ") {
		t.Error("got no SHUTDOWN with phase=done, or requests logged after it")
	}
}
