package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// gatedListener is a listening socket whose Close waits: it holds a shutdown at the moment before its ports close.
type gatedListener struct {
	net.Listener
	once sync.Once
	// closing is closed by the first Close, which then waits for open.
	closing, open chan struct{}
}

func newGatedListener(ln net.Listener) *gatedListener {
	return &gatedListener{Listener: ln, closing: make(chan struct{}), open: make(chan struct{})}
}

func (l *gatedListener) Close() error {
	l.once.Do(func() { close(l.closing) })
	<-l.open
	return l.Listener.Close()
}

// TestConnectionsLearnOfADrainBeforeThePortsClose holds a shutdown before the first socket is closed. An answer that is
// given from then on says that its connection ends: whoever has seen a port refuse a connection can rely on it.
func TestConnectionsLearnOfADrainBeforeThePortsClose(t *testing.T) {
	release := make(chan struct{})
	var begun atomic.Int32
	d := startDaemon(t, rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		begun.Add(1)
		<-release
		answerOK(head, r, conn)
	}), "")
	port := newGatedListener(d.listeners[0].https)
	d.listeners[0].https = port
	t.Cleanup(func() { close(port.open) })

	http1 := d.dial(t, "http/1.1")
	if _, err := io.WriteString(http1, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	http2 := newH2Client(t, d)
	http2.request(1, "GET", "/", true)
	waitFor(t, "both requests", func() bool { return begun.Load() == 2 })
	d.signals <- syscall.SIGTERM
	<-port.closing
	close(release)

	head, err := readHead(bufio.NewReader(http1))
	if err != nil || !strings.Contains(head, "\r\nConnection: close\r\n") {
		t.Errorf("HTTP/1.1: got %q (%v), want an answer that says that the connection ends", head, err)
	}
	http2.until("the head of the answer", func() bool { return len(http2.stream(1).heads) > 0 })
	if len(http2.goAways) == 0 {
		t.Error("HTTP/2: got the answer without GOAWAY before it")
	}
}

// TestEveryListenerDrainsBeforeAnyPortCloses is the same for a daemon with several listeners.
func TestEveryListenerDrainsBeforeAnyPortCloses(t *testing.T) {
	var all listeners
	early := 0
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &listener{https: closeHook{ln, func() {
			for _, l := range all {
				if !l.sites.draining() {
					early++
				}
			}
		}}, sites: &siteServer{}})
	}
	all.drain(t.Context())
	if early > 0 {
		t.Errorf("%d times a port closed before a listener's connections knew of the end", early)
	}
}

// closeHook calls a function before the socket is closed.
type closeHook struct {
	net.Listener
	before func()
}

func (l closeHook) Close() error {
	l.before()
	return l.Listener.Close()
}
