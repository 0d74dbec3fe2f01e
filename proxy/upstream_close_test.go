package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// TestAnUpstreamThatReadsNothingLeavesNothingInTheKernel closes a connection whose upstream has not read what it was
// sent. A failed exchange has nothing left to deliver, but the end of a tunnel has.
func TestAnUpstreamThatReadsNothingLeavesNothingInTheKernel(t *testing.T) {
	for _, test := range []struct {
		name    string
		inOrder bool
	}{{"an exchange that has failed is thrown away", false}, {"the end of a tunnel is delivered", true}} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := tcpPair(t)
			resetAtClose(ours)
			raw, err := newSocket(ours)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := newUpstreamConn(raw, raw)
			if err != nil {
				t.Fatal(err)
			}
			conn.inOrder = test.inOrder
			sent := 0
			for part := bytes.Repeat([]byte("x"), 1<<20); ; {
				rest, err := raw.TryWrite(part)
				if err != nil {
					t.Fatal(err)
				}
				if sent += len(part) - len(rest); len(rest) > 0 {
					break // the kernel accepts no more
				}
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			_ = theirs.SetReadDeadline(time.Now().Add(patience))
			got, err := io.Copy(io.Discard, theirs)
			switch {
			case test.inOrder && (err != nil || got != int64(sent)):
				t.Errorf("the upstream got %d of %d bytes and %v, want all and a clean end", got, sent, err)
			case !test.inOrder && !errors.Is(err, syscall.ECONNRESET):
				t.Errorf("the upstream got %d of %d bytes and %v, want a reset", got, sent, err)
			}
		})
	}
}

// TestAnUpstreamConnectionThatTheProxyEndsFirstKeepsNoLocalPort lets the proxy end connections that clients or upstreams can
// make it end at any rate. After an end in order the kernel would keep each one's local port in use for a minute. The end
// that the upstream sees shows which it was.
func TestAnUpstreamConnectionThatTheProxyEndsFirstKeepsNoLocalPort(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for _, test := range []struct {
		name   string
		answer string
		// end makes the proxy end the upstream connection, after the client has the answer, if there is one.
		end func(t *testing.T, p *dataPath, client net.Conn)
		// inOrder reports whether the connection ends in order.
		inOrder bool
	}{
		{name: "the client leaves before the answer", end: func(_ *testing.T, _ *dataPath, client net.Conn) { _ = client.Close() }},
		{name: "the client leaves during the answer", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
			end: func(_ *testing.T, _ *dataPath, client net.Conn) { _ = client.Close() }},
		{name: "the upstream leaves the closing to the proxy", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
		{name: "the answer is malformed", answer: "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"},
		{name: "another upstream needs the slot", answer: ok, end: func(t *testing.T, p *dataPath, _ net.Conn) {
			waitFor(t, "an idle connection", func() bool { return p.idleUpstreams() == 1 })
			other := newUpstreamPool(p.shared.upstreams)
			conn, err := other.acquire(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			other.drop(conn)
		}},
		{name: "the connection was idle for long", answer: ok, inOrder: true, end: func(t *testing.T, p *dataPath, _ net.Conn) {
			waitFor(t, "an idle connection", func() bool { return p.idleUpstreams() == 1 })
			for _, pool := range p.shared.upstreams.all() {
				pool.sweep(time.Now().Add(2 * upstreamIdleTimeout))
			}
		}},
	} {
		for protocol, version := range protocolsOfUpstreams {
			t.Run(test.name+", "+protocol, func(t *testing.T) {
				leaks(t)
				secure, roots := upstreamTLS(t)
				secure.MaxVersion = version
				if version == 0 {
					secure = nil
				}
				asked, ended := make(chan struct{}, 1), make(chan error, 1)
				upstream := scriptedUpstream(t, secure, func(_ int, r *bufio.Reader, conn net.Conn) {
					_, _ = readHead(r)
					_, _ = io.WriteString(conn, test.answer)
					asked <- struct{}{}
					_, err := io.Copy(io.Discard, rawOf(conn))
					ended <- err
				})
				p := startPath(t, byName(upstream), func(o *pathOptions) {
					o.connections = 1
					if version != 0 {
						o.roots = roots
					}
				})
				client := p.dial(t)
				if _, err := io.WriteString(client, getA); err != nil {
					t.Fatal(err)
				}
				<-asked
				if test.answer != "" {
					if _, err := readHead(bufio.NewReader(client)); err != nil {
						t.Fatal(err)
					}
				}
				if test.end != nil {
					test.end(t, p, client)
				}
				select {
				case err := <-ended:
					if reset := errors.Is(err, syscall.ECONNRESET); reset == test.inOrder {
						t.Errorf("the upstream got %v, want the connection to end in order: %v", err, test.inOrder)
					}
				case <-time.After(patience):
					t.Error("the upstream connection has not ended")
				}
			})
		}
	}
}

// TestASharedUpstreamConnectionKeepsNoLocalPort is the same for HTTP/2, where an upstream that sends GOAWAY after each answer
// leaves the closing to the proxy.
func TestASharedUpstreamConnectionKeepsNoLocalPort(t *testing.T) {
	for _, test := range []struct {
		name   string
		goAway bool
		// end makes the proxy end the connection, on which nothing is under way.
		end     func(pool *upstreamPool)
		inOrder bool
	}{
		{name: "the upstream sends GOAWAY", goAway: true, end: func(*upstreamPool) {}},
		{name: "there are more connections than needed", end: func(pool *upstreamPool) {
			pool.shared.Look(time.Now(), upstreamIdleTimeout, 0, func(any) bool { return true })
		}},
		{name: "the connection was idle for long", inOrder: true, end: func(pool *upstreamPool) {
			pool.shared.Look(time.Now(), -time.Hour, 1, func(any) bool { return true }) // as if an hour had passed
		}},
		{name: "the upstream is no longer configured", inOrder: true, end: (*upstreamPool).close},
	} {
		for protocol, version := range protocolsOfUpstreams {
			t.Run(test.name+", "+protocol, func(t *testing.T) {
				leaks(t)
				secure, roots := upstreamTLS(t)
				secure.MaxVersion, secure.NextProtos = version, []string{"h2"}
				if version == 0 {
					secure = nil
				}
				ended := make(chan error, 1)
				address := scriptedH2(t, func(conn net.Conn) {
					below := net.Conn(endReport{conn, ended})
					if secure != nil {
						below = tls.Server(below, secure)
					}
					serveFrames(below, func(h http2.Header, out []byte) []byte {
						if h.Type != http2.TypeHeaders {
							return out
						}
						out = append(http2.AppendHeader(out, 1, http2.TypeHeaders, http2.FlagEndHeaders, h.Stream), 0x88)
						out = http2.AppendData(out, h.Stream, []byte("ok"), true)
						if test.goAway {
							out = http2.AppendGoAway(out, h.Stream, http2.NoError)
						}
						return out
					})
					_, _ = io.Copy(io.Discard, endReport{conn, ended}) // TLS may end before TCP
				})
				all, call := sharedCalls(t, address, 10)
				c := call()
				if secure != nil {
					c.to.config.UpstreamScheme, c.to.config.UpstreamTLS.ServerName, c.to.roots = "https", "localhost", roots
				}
				if status, body, err := c.sendAlone(getRequest("/"), nil); status != 200 || err != nil {
					t.Fatalf("got %d %q, %v", status, body, err)
				}
				test.end(all.all()[0])
				select {
				case err := <-ended:
					if reset := errors.Is(err, syscall.ECONNRESET); reset == test.inOrder {
						t.Errorf("the upstream got %v, want the connection to end in order: %v", err, test.inOrder)
					}
				case <-time.After(patience):
					t.Error("the upstream connection has not ended")
				}
			})
		}
	}
}

// endReport is a connection that reports the error that ends its use.
type endReport struct {
	net.Conn
	end chan<- error
}

// Read implements net.Conn.
func (c endReport) Read(p []byte) (int, error) { return c.report(c.Conn.Read(p)) }

// Write implements net.Conn. An empty write would take the error of a reset away from the next read.
func (c endReport) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.report(c.Conn.Write(p))
}

func (c endReport) report(n int, err error) (int, error) {
	if err != nil {
		c.end <- err
	}
	return n, err
}
