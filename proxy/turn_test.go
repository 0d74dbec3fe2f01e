package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

func TestAClientHasAsManyTurnsAsThereAreProcessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, n := newTurns(), runtime.GOMAXPROCS(0)
		var order []int
		for i := range n + 3 {
			go func() {
				all.take()
				order = append(order, i)
			}()
			synctest.Wait()
		}
		if len(order) != n {
			t.Fatalf("%d turns are taken, want %d", len(order), n)
		}
		for range 3 {
			all.give()
			synctest.Wait()
		}
		for i, got := range order {
			if got != i {
				t.Fatalf("the turns were taken in the order %v, want that in which they were asked for", order)
			}
		}
		if len(order) != n+3 {
			t.Errorf("%d turns were handed on, want 3", len(order)-n)
		}
	})
}

func TestAGoroutineHoldsOneTurn(t *testing.T) {
	account := &clientAccount{}
	var mine turn
	mine.take(account)
	mine.give()
	if mine.of != nil {
		t.Error("a client with few connections takes turns")
	}
	all := newTurns()
	account.turns.Store(all)
	mine.take(account)
	mine.take(account)
	if len(all.taken) != 1 {
		t.Errorf("%d turns are taken by one goroutine, want 1", len(all.taken))
	}
	mine.give()
	mine.give()
	if len(all.taken) != 0 {
		t.Errorf("%d turns are taken after they were given back", len(all.taken))
	}
}

func TestAClientWithManyConnectionsTakesTurns(t *testing.T) {
	all, key := accounts{}, limit.NewKey(netip.MustParseAddr("192.0.2.1"))
	var account *clientAccount
	for n := range crowdConns {
		if account != nil && account.turns.Load() != nil {
			t.Fatalf("a client with %d connections takes turns", n)
		}
		account = all.open(key)
	}
	turns := account.turns.Load()
	if turns == nil {
		t.Fatalf("a client with %d connections takes no turns", crowdConns)
	}
	all.close(account)
	all.open(key)
	if account.turns.Load() != turns {
		t.Error("the client got other turns although some may be taken")
	}
}

// turnTest is a dataPath whose upstream answers everything except /silent, with a client that has a crowd of connections.
type turnTest struct {
	*dataPath
	account *clientAccount
}

func newTurnTest(t *testing.T) *turnTest {
	t.Helper()
	return newTurnTestWith(t, echoUpstream(t))
}

func newTurnTestWith(t *testing.T, upstream string) *turnTest {
	t.Helper()
	p := &turnTest{dataPath: startPath(t, upstream, nil)}
	for range crowdConns {
		p.dial(t)
	}
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	p.account = p.registry.clients[limit.NewKey(netip.MustParseAddr("127.0.0.1"))]
	return p
}

// dialFrom opens a connection from an address.
func (p *turnTest) dialFrom(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// answered fails the test unless a client is answered over a new connection.
func (p *turnTest) answered(t *testing.T, address string) {
	t.Helper()
	if err := ask(clientOf(p.dialFrom(t, address), "http/1.1"), "/"); err != nil {
		t.Fatalf("the client %s is not answered: %v", address, err)
	}
}

func clientOf(conn net.Conn, protocol string) *tls.Conn {
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{protocol}})
}

// ask sends a request over HTTP/1 and waits for the first byte of the answer.
func ask(conn net.Conn, path string) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: a.test\r\n\r\n", path); err != nil {
		return err
	}
	var one [1]byte
	_, err := io.ReadFull(conn, one[:])
	return err
}

func TestACrowdOfOneClientComputesOnlyInItsTurns(t *testing.T) {
	tests := []struct {
		name string
		// ask prepares a connection. It returns the function that needs a turn and waits for its answer.
		ask func(t *testing.T, p *turnTest) (send func() error)
	}{
		{"the crowd begins a handshake", func(t *testing.T, p *turnTest) func() error {
			return clientOf(p.dialFrom(t, "127.0.0.1"), "http/1.1").Handshake
		}},
		{"the crowd begins a handshake of TLS 1.2", func(t *testing.T, p *turnTest) func() error {
			return tls.Client(p.dialFrom(t, "127.0.0.1"), &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", MaxVersion: tls.VersionTLS12}).Handshake
		}},
		{"the crowd sends a request over HTTP/2", func(t *testing.T, p *turnTest) func() error {
			c := newH2ClientOn(t, p.dialFor(t, "h2"))
			c.sync()
			return func() error {
				c.request(1, "GET", "/", true)
				c.answer(1)
				return nil
			}
		}},
		{"the crowd sends PING over HTTP/2", func(t *testing.T, p *turnTest) func() error {
			c := newH2ClientOn(t, p.dialFor(t, "h2"))
			c.sync()
			return func() error { c.sync(); return nil }
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			p := newTurnTest(t)
			send := test.ask(t, p)
			turns := p.account.turns.Load()
			release := holdAll(t, turns)
			answer := make(chan error, 1)
			go func() { answer <- send() }()
			for range 3 {
				p.answered(t, "127.0.0.2")
			}
			select {
			case err := <-answer:
				t.Errorf("answered while all turns were taken, with the error %v", err)
				answer <- err
			default:
			}
			release()
			if err := <-answer; err != nil {
				t.Errorf("not answered when turns were given back: %v", err)
			}
			waitFor(t, "the turns to be given back", func() bool { return len(turns.taken) == 0 })
		})
	}
}

// holdAll takes all turns and returns the function that gives them back. The end of the test gives them back as well:
// without a turn none of the client's exchanges ends.
func holdAll(t *testing.T, all *turns) (release func()) {
	t.Helper()
	for range cap(all.taken) {
		all.take()
	}
	var once sync.Once
	release = func() {
		once.Do(func() {
			for range cap(all.taken) {
				all.give()
			}
		})
	}
	t.Cleanup(release)
	return release
}

// TestAStreamBeginsInATurnOfItsOwn starts a stream as the reading goroutine does, but with an account of its own whose turns
// are all taken, so that what it waits for is not what the reading goroutine waits for.
func TestAStreamBeginsInATurnOfItsOwn(t *testing.T) {
	leaks(t)
	p := newTurnTest(t)
	c := newH2ClientOn(t, p.dialFor(t, "h2"))
	c.sync()
	others := &clientAccount{}
	others.turns.Store(newTurns())
	release := holdAll(t, others.turns.Load())
	p.lastConn().http2.Load().startAs(others)
	for range 3 {
		p.answered(t, "127.0.0.2")
	}
	waitFor(t, "nothing to be in flight, as all turns are taken", func() bool { return p.pipeline.inFlight.Load() == 0 })
	if others.intake().isEmpty() {
		t.Error("the stream is not queued while it waits for its turn")
	}
	release()
	waitFor(t, "the stream to leave the queue", others.intake().isEmpty)
	waitFor(t, "the exchange to begin", func() bool { return p.pipeline.inFlight.Load() == 1 })
}

// startAs starts a request for /silent on stream 1 that belongs to a client.
func (h *h2Conn) startAs(account *clientAccount) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.takeStream(1)
	s.head.Method, s.head.Path, s.head.Authority, s.head.ContentLength = "GET", "/silent", "a.test", -1
	s.remoteClosed = true
	s.prepare(nil)
	s.request.Account = account
	h.incoming++
	h.streams.add(s)
	h.startStream(s)
}

func TestFailedExchangesAreAnsweredInTurns(t *testing.T) {
	leaks(t)
	release := make(chan struct{})
	p := newTurnTestWith(t, scriptedUpstream(t, nil, func(n int, r *bufio.Reader, _ net.Conn) {
		request, err := http.ReadRequest(r)
		if err == nil && request.URL.Path == "/ends" {
			<-release // and the connection ends without a response
		}
	}))
	turns := p.account.turns.Load()
	conn := p.dial(t)
	send(t, conn, "GET /ends HTTP/1.1\r\nHost: a.test\r\n\r\n")
	served := p.lastConn()
	waitFor(t, "the request to be sent", func() bool { return served.timer.Phase() == deadline.PhaseUpstream })
	waitFor(t, "the turn to be given back", func() bool { return len(turns.taken) == 0 })
	releaseTurns := holdAll(t, turns)
	close(release)
	waitFor(t, "the exchange to fail", func() bool { return served.timer.Phase() == deadline.PhaseNone })
	for range 3 {
		p.answered(t, "127.0.0.2") // with 502
	}
	if strings.Contains(p.log.String(), "client_ip=127.0.0.1") {
		t.Error("an answer was given while all turns were taken")
	}
	releaseTurns()
	if response, _ := readResponse(t, bufio.NewReader(conn), "GET"); response.StatusCode != http.StatusBadGateway {
		t.Errorf("got %s, want 502", response.Status)
	}
}
