package proxy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/limit"
)

// dataPath is the whole path of a request in this process, without the daemon around it: a listener on the loopback,
// TLS, a siteServer, a pipeline with only the site a.test, the sweeper and the upstream pools.
type dataPath struct {
	*siteServer
	shared *sharedState
	// site is the route of requests for a.test.
	site *route
	log  *syncBuffer
	addr string
}

// pathOptions holds the settings of a dataPath that a test may change before it serves.
type pathOptions struct {
	header, idle, bodyIdle, connect, request time.Duration
	connections                              int
	bodyLimit                                int64
	level                                    eventlog.Level
	// otherSites is the number of sites other than a.test.
	otherSites int
	// routes is the number of routes of each site, to the same upstream. One of them takes the paths below
	// /user, and strips /user.
	routes int
	// output receives the log instead of the dataPath's own buffer.
	output io.Writer
	// requestRules and responseRules are the header rules of a.test.
	requestRules, responseRules *headers.Rules
	// roots make the site's upstream an https one.
	roots *x509.CertPool
	// others are further upstreams of the site, among which it balances.
	others  config.Upstreams
	balance string
}

// startPath starts a dataPath in front of an upstream. Everything must have ended when the test ends, or the test fails.
func startPath(t testing.TB, upstream string, change func(*pathOptions)) *dataPath {
	t.Helper()
	options := pathOptions{
		header: patience, idle: patience, bodyIdle: patience, connect: patience, request: patience, connections: 100, bodyLimit: 1 << 30, level: eventlog.LevelTrace,
	}
	if change != nil {
		change(&options)
	}
	cfg := &config.Config{
		MaxConnections: options.connections, Logging: eventlog.Options{Level: options.level, Format: eventlog.FormatText},
		RateLimit: limit.Config{RequestsPerSecond: 1e9, Burst: 1e9}, Body: config.Body{LimitBytes: options.bodyLimit},
		Listeners: []config.Listener{{BindAddrs: []string{"127.0.0.1"}, HTTPSPort: 443, Sites: []config.Site{{
			Host: "a.test", Upstreams: config.OneUpstream(upstream),
			Settings: config.Settings{UpstreamScheme: "http", ConnectTimeout: options.connect, RequestTimeout: options.request,
				RequestHeaders: options.requestRules, ResponseHeaders: options.responseRules},
		}}}},
	}
	own := &cfg.Listeners[0].Sites[0]
	own.Upstreams = append(own.Upstreams, options.others...)
	own.Balance, own.Retry = options.balance, config.Retry{Attempts: 1 + len(options.others), BudgetPercent: 100}
	for i := range options.routes {
		of := config.Route{Path: fmt.Sprintf("/route-%d", i), Upstreams: config.OneUpstream(upstream), Settings: own.Settings}
		if i == 0 {
			of.Path, of.StripPrefix = "/user", true
		}
		own.Routes = append(own.Routes, of)
	}
	for i := range options.otherSites {
		other := cfg.Listeners[0].Sites[0]
		other.Host = fmt.Sprintf("site-%d.test", i)
		cfg.Listeners[0].Sites = append(cfg.Listeners[0].Sites, other)
	}
	dynamic, err := buildDynamic(cfg, cfg.Listeners, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	p := &dataPath{site: dynamic.sites.find(0, "a.test").own, log: new(syncBuffer)}
	if options.roots != nil {
		p.site.config.UpstreamScheme, p.site.roots = "https", options.roots
	}
	pointer := new(atomic.Pointer[DynamicConfig])
	pointer.Store(dynamic)
	if options.output == nil {
		options.output = p.log
	}
	p.shared, err = newSharedState(cfg, options.output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.shared.close)
	source, err := cert.NewSelfSigned("a", []string{"a.test"})
	if err != nil {
		t.Fatal(err)
	}
	handler := newPipeline(pointer, p.shared, options.bodyIdle)
	p.siteServer = &siteServer{
		address: "127.0.0.1:443", port: "443", handler: handler, pipeline: handler, registry: p.shared.conns,
		log: p.shared.log, tls: listenerTLSConfig(source, openGate(), p.shared.log),
		headerTimeout: options.header, idleTimeout: options.idle,
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- p.serve(ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		p.isDraining.Store(true)
		p.registry.close()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		p.conns.Wait()
		if n := p.registry.count(); n != 0 {
			t.Errorf("%d connections are counted after the last has ended", n)
		}
	})
	return p
}

// dial opens a TLS connection that speaks HTTP/1.1.
func (p *dataPath) dial(t testing.TB) *tls.Conn { return p.dialFor(t, "http/1.1") }

// dialAgain is dial for a path whose header timeout is so short that it ends handshakes on a busy machine: a client whose
// handshake was ended tries again.
func (p *dataPath) dialAgain(t testing.TB) (conn *tls.Conn) {
	t.Helper()
	waitFor(t, "a handshake in time", func() bool {
		var err error
		conn, err = tls.Dial("tcp", p.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"http/1.1"}})
		return err == nil
	})
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// dialFor opens a TLS connection that speaks the protocol.
func (p *dataPath) dialFor(t testing.TB, protocol string) *tls.Conn {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", p.addr,
		&tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// exchange sends bytes on a new connection and returns everything up to its end, and the error with which it ended: nil
// for an orderly end.
func (p *dataPath) exchange(t testing.TB, request string) (string, error) {
	t.Helper()
	conn := p.dial(t)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// idleUpstreams returns the number of connections in the pools.
func (p *dataPath) idleUpstreams() int { return idleConns(p.shared.upstreams) }

// idleConns returns the number of idle connections to all upstreams.
func idleConns(all *upstreams) int {
	n := 0
	for _, pool := range all.all() {
		pool.mu.Lock()
		n += len(pool.idle)
		pool.mu.Unlock()
	}
	return n
}

// scriptedUpstream accepts connections and passes each to serve, with its number from 1.
func scriptedUpstream(t testing.TB, secure *tls.Config, serve func(n int, r *bufio.Reader, conn net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	running.Go(func() {
		for n := 1; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			running.Go(func() {
				defer func() {
					_ = conn.Close()
					mu.Lock()
					delete(open, conn)
					mu.Unlock()
				}()
				served := conn
				if secure != nil {
					served = tls.Server(conn, secure)
				}
				serve(n, bufio.NewReader(served), served)
			})
		}
	})
	return ln.Addr().String()
}

// upstreamTLS returns the TLS configuration of an upstream named localhost, and the roots that verify it.
func upstreamTLS(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	certificate, err := cert.MakeSelfSigned([]string{"localhost"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{*certificate}}, roots
}

// byName turns a loopback address into one that TLS can verify.
func byName(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }

// leaks fails the test if goroutines that began after this call are left at its end.
func leaks(t testing.TB) {
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, others) })
}

// readResponse reads one whole response.
func readResponse(t testing.TB, r *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	response, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

const getA = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
