package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

// dormantClient is a client's connection that becomes dormant between its requests.
type dormantClient struct {
	// get makes a request and returns the body of the response.
	get func() (string, error)
	// close closes the connection.
	close func() error
}

func newDormantClient(t *testing.T, p *dataPath, protocol string) *dormantClient {
	t.Helper()
	conn := p.dialFor(t, protocol)
	c := &dormantClient{close: conn.Close}
	if protocol == "h2" {
		transport := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
		t.Cleanup(transport.CloseIdleConnections)
		client := &http.Client{Transport: transport}
		c.get = func() (string, error) {
			response, err := client.Get("https://a.test/")
			if err != nil {
				return "", err
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			return string(body), err
		}
		return c
	}
	reader := bufio.NewReader(conn)
	c.get = func() (string, error) {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
			return "", err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	return c
}

// mustGet makes a request, whose answer must come.
func (c *dormantClient) mustGet(t *testing.T) {
	t.Helper()
	if body, err := c.get(); body != "ok" || err != nil {
		t.Fatalf("got %q, %v", body, err)
	}
}

// awaitDormancy waits until n connections are dormant and have no goroutines.
func (p *dataPath) awaitDormancy(t *testing.T, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d dormant connections", n), func() bool { return p.registry.poller.Len() == n })
	waitFor(t, "the end of their goroutines", func() bool {
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 2) // a bytes.Buffer never fails
		return !strings.Contains(all.String(), "(*clientConn).run(")
	})
}

// startDormantPath starts a data path whose connections become dormant at the next sweep.
func startDormantPath(t *testing.T, change func(*pathOptions)) *dataPath {
	t.Helper()
	p := startPath(t, rawUpstream(t, answerOK), change)
	p.registry.dormantAfter = 0
	return p
}

func TestAnIdleConnectionHasNoGoroutineAndIsServedOn(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			p := startDormantPath(t, nil)
			one, two := newDormantClient(t, p, protocol), newDormantClient(t, p, protocol)
			two.mustGet(t)
			for range 3 {
				one.mustGet(t)
				p.awaitDormancy(t, 2)
			}
			two.mustGet(t)
		})
	}
}

func TestADormantConnectionEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*pathOptions)
		end    func(p *dataPath)
	}{
		{"it ends when it has been idle for too long", func(o *pathOptions) { o.idle = time.Second }, func(*dataPath) {}},
		{"it ends in a drain", nil, func(p *dataPath) {
			p.isDraining.Store(true)
			p.registry.mu.Lock()
			defer p.registry.mu.Unlock()
			for c := range p.registry.conns {
				c.drain()
			}
		}},
		{"it ends to make room", nil, func(p *dataPath) {
			p.registry.mu.Lock()
			defer p.registry.mu.Unlock()
			for c := range p.registry.conns {
				c.endIdle()
			}
		}},
		{"it ends when all connections are cut", nil, func(p *dataPath) { p.registry.close() }},
	} {
		for _, protocol := range []string{"http/1.1", "h2"} {
			t.Run(tt.name+" over "+protocol, func(t *testing.T) {
				p := startDormantPath(t, tt.change)
				client := newDormantClient(t, p, protocol)
				client.mustGet(t)
				if tt.change == nil {
					p.awaitDormancy(t, 1)
				}
				tt.end(p)
				waitFor(t, "the end of the connection", func() bool { return p.registry.count() == 0 })
				if n := p.registry.poller.Len(); n != 0 {
					t.Errorf("%d connections are still watched", n)
				}
			})
		}
	}
}

func TestAClientThatLeavesADormantConnectionEndsIt(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			p := startDormantPath(t, nil)
			client := newDormantClient(t, p, protocol)
			client.mustGet(t)
			p.awaitDormancy(t, 1)
			_ = client.close()
			waitFor(t, "the end of the connection", func() bool { return p.registry.count() == 0 })
		})
	}
}

// Requests arrive at every moment of a connection's transition to dormancy and back. None may be lost, and no read may
// meet a deadline that was meant for an earlier one.
func TestRequestsThatComeWhileAConnectionBecomesDormantAreAnswered(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			p := startDormantPath(t, nil)
			ended := make(chan struct{})
			var tasks sync.WaitGroup
			tasks.Go(func() { // asks as often as it can, next to the sweeper
				for {
					select {
					case <-ended:
						return
					default:
					}
					p.registry.mu.Lock()
					for c := range p.registry.conns {
						c.(*clientConn).idle.Ask()
					}
					p.registry.mu.Unlock()
				}
			})
			var clients sync.WaitGroup
			for range 8 {
				client := newDormantClient(t, p, protocol)
				clients.Go(func() {
					for range 300 {
						if body, err := client.get(); body != "ok" || err != nil {
							t.Errorf("got %q, %v", body, err)
							return
						}
						for range rand.IntN(200) {
							_ = p.registry.poller.Len()
						}
					}
				})
			}
			clients.Wait()
			close(ended)
			tasks.Wait()
		})
	}
}

// An interruption at any moment of the transition to dormancy ends the connection immediately, and not by force after
// some seconds.
func TestAConnectionThatIsInterruptedWhileItBecomesDormantEnds(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			p := startDormantPath(t, nil)
			for range 60 {
				client := newDormantClient(t, p, protocol)
				client.mustGet(t)
				var conn *clientConn
				p.registry.mu.Lock()
				for c := range p.registry.conns {
					conn = c.(*clientConn)
				}
				p.registry.mu.Unlock()
				var both sync.WaitGroup
				both.Go(func() {
					for range rand.IntN(500) {
						_ = p.registry.poller.Len()
					}
					conn.idle.Ask()
				})
				for range rand.IntN(500) {
					_ = p.registry.poller.Len()
				}
				conn.cut(errShuttingDown)
				waitFor(t, "the end of the connection", func() bool { return p.registry.count() == 0 })
				if conn.forced.Load() && protocol == "http/1.1" {
					t.Fatal("the connection had to be ended by force")
				}
				both.Wait()
			}
		})
	}
}
