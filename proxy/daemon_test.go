package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"reverse-proxy/proxy/waittest"
)

// patience bounds every wait of a test for an event. It only decides how long a failing test takes: what takes a
// millisecond on an idle machine may take many seconds while others keep all cores busy.
const patience = waittest.Patience

// loopback gives every test its own loopback address, so that fixed ports never collide, neither with those of another
// process that runs these tests nor with a scenario's.
var loopback struct {
	mu sync.Mutex
	// prefix is a /24 of 127.0.0.0/8 that this process owns, and last the last address of it that was given away.
	prefix string
	last   int
	// locks are UDP sockets on the first address of each block, as in steps/addresses.go. They are open until the process
	// ends.
	locks []net.PacketConn
}

func freeAddress() string {
	loopback.mu.Lock()
	defer loopback.mu.Unlock()
	for tries := 0; loopback.prefix == "" || loopback.last == 254; tries++ {
		prefix := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256))
		lock, err := net.ListenPacket("udp4", prefix+"1:19999")
		if err == nil {
			loopback.prefix, loopback.last, loopback.locks = prefix, 1, append(loopback.locks, lock)
		} else if tries == 1000 {
			panic(err)
		}
	}
	loopback.last++
	return loopback.prefix + strconv.Itoa(loopback.last)
}

// testDaemon is a daemon in this process, in front of an upstream that the test scripts with raw bytes.
type testDaemon struct {
	*Daemon
	address string
	dir     string
	config  string
	// site holds the keys of the site that set its timeouts.
	site string
	log  *syncBuffer
	// signals stop the daemon, hangups reload it, and reopens reopen its log.
	signals, hangups, reopens chan os.Signal
	ended                     chan error
}

// startDaemon starts a daemon with one self-signed listener for the site a.test, on ports 8443 and 8080 of its own address.
// extra goes to the top of the configuration. Timeouts that extra does not set are longer than any test.
func startDaemon(t *testing.T, upstream, extra string) *testDaemon {
	t.Helper()
	return startDaemonWithSite(t, upstream, extra, "upstream_connect_timeout_secs = 600\nupstream_request_timeout_secs = 600\n")
}

// startDaemonWithSite is startDaemon with keys of the site.
func startDaemonWithSite(t *testing.T, upstream, extra, site string) *testDaemon {
	t.Helper()
	d := &testDaemon{address: freeAddress(), dir: t.TempDir(), log: new(syncBuffer), ended: make(chan error, 1),
		signals: make(chan os.Signal, 4), hangups: make(chan os.Signal, 1), reopens: make(chan os.Signal, 1)}
	d.config = filepath.Join(d.dir, "config.toml")
	d.site = site
	d.writeConfig(t, upstream, extra)
	daemon, err := Start(t.Context(), Options{ConfigPath: d.config, Stdout: d.log})
	if err != nil {
		t.Fatal(err)
	}
	d.Daemon = daemon
	go func() { d.ended <- daemon.Run(Signals{Stop: d.signals, Reload: d.hangups, Reopen: d.reopens}) }()
	t.Cleanup(func() { d.stopWithin(t, patience) })
	return d
}

func (d *testDaemon) writeConfig(t *testing.T, upstream, extra string) {
	t.Helper()
	text := fmt.Sprintf(`%s
health_check_port = 0
admin_socket_path = %q
shutdown_timeout_secs = 5
max_connections = 200
[logging]
level = "trace"
[rate_limit]
requests_per_second = 10000
burst = 10000
[body]
limit_bytes = 100000
[[listeners]]
bind_addr = %q
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "a.test"
upstream = %q
%s`, extra, filepath.Join(d.dir, "admin.sock"), d.address, upstream, d.site)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stopWithin ends the daemon and waits for it.
func (d *testDaemon) stopWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	select {
	case d.signals <- syscall.SIGTERM:
	default:
	}
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
		d.ended <- nil // for a second caller
		if taken := d.shared.upstreams.lookahead.heads.taken.Load(); taken != 0 {
			t.Errorf("%d places of large heads are still taken", taken)
		}
	case <-time.After(limit):
		t.Errorf("the daemon did not end within %v; log:\n%s", limit, d.log)
	}
}

// dial opens a TLS connection with the given protocols.
func (d *testDaemon) dial(t *testing.T, protocols ...string) *tls.Conn {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", d.address+":8443",
		&tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// raw sends bytes over HTTP/1.1 and returns everything up to the end of the connection.
func (d *testDaemon) raw(t *testing.T, request string) string {
	t.Helper()
	conn := d.dial(t, "http/1.1")
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // a cut connection is a valid result too
	return string(answer)
}

// client returns an HTTP client that reaches the daemon for every name, over HTTP/2 if asked.
func (d *testDaemon) client(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, d.address+":8443")
		},
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: http2,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// rawUpstream accepts connections and passes each, with the head that was read from it, to serve.
func rawUpstream(t *testing.T, serve func(head string, r *bufio.Reader, conn net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { _ = ln.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				r := bufio.NewReader(conn)
				for {
					head, err := readHead(r)
					if err != nil {
						return
					}
					serve(head, r, conn)
					if strings.Contains(head, "GET /close") {
						return
					}
				}
			})
		}
	})
	return ln.Addr().String()
}

func readHead(r *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		head.WriteString(line)
		if line == "\r\n" {
			return head.String(), nil
		}
	}
}

func answerOK(_ string, _ *bufio.Reader, conn net.Conn) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

func TestTheTargetReachesTheUpstreamByteForByte(t *testing.T) {
	var got atomic.Value
	upstream := rawUpstream(t, func(head string, _ *bufio.Reader, conn net.Conn) {
		got.Store(head)
		answerOK(head, nil, conn)
	})
	d := startDaemon(t, upstream, "")
	for _, target := range []string{
		"/", "/a/../b/./c//d", "/%2e%2e/%2f", "/a%20b?x=%zz&y=a+b", "//double", "//double//x?q=//", "/?", "/a?b?c", "/;p=1,2!$'()*@:",
		"/a|b", "/[x]", "/\"quoted\"", "/{x}?{y}", "*",
	} {
		method := "GET"
		if target == "*" {
			method = "OPTIONS"
		}
		answer := d.raw(t, method+" "+target+" HTTP/1.1\r\nHost: A.test:8443\r\nConnection: close\r\n\r\n")
		head, _ := got.Load().(string)
		if want := method + " " + target + " HTTP/1.1\r\n"; !strings.HasPrefix(head, want) || !strings.Contains(answer, "200 OK") {
			t.Errorf("target %q: the upstream got %q, want %q first; the client got %q", target, head, want, answer)
		}
		if !strings.Contains(head, "\r\nHost: A.test:8443\r\n") {
			t.Errorf("target %q: the upstream got %q, want the Host as the client sent it", target, head)
		}
	}
}

func TestWhatIsLeftOfABodyIsNeverARequest(t *testing.T) {
	var requests atomic.Int32
	upstream := rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r)
	})
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
	d := startDaemon(t, upstream, "")
	for _, test := range []struct{ name, request, want string }{
		{"a body is over the limit by its length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100001\r\n\r\n" + smuggled, "413"},
		{"a chunk is over the limit", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"186a1\r\n" + strings.Repeat("x", 100001) + "\r\n" + smuggled, "413"},
		{"a chunk is malformed", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + smuggled, "400"},
		{"a trailer is malformed", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n" + smuggled, "400"},
		{"a host is unknown", "POST / HTTP/1.1\r\nHost: b.test\r\nContent-Length: 41\r\n\r\n" + smuggled, "404"},
		{"HTTP/1.0 has both framings", "POST / HTTP/1.0\r\nHost: b.test\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc" + smuggled, "404"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := d.raw(t, test.request)
			if !strings.HasPrefix(answer, "HTTP/1.") || answer[9:12] != test.want {
				t.Errorf("got %q, want a %s", answer, test.want)
			}
			if n := strings.Count(answer, "HTTP/1."); n != 1 {
				t.Errorf("got %d answers on the connection, want 1:\n%s", n, answer)
			}
			if !strings.Contains(answer, "Connection: close") {
				t.Errorf("the answer does not say that the connection ends:\n%s", answer)
			}
		})
	}
	if strings.Contains(d.log.String(), "smuggled") {
		t.Errorf("a smuggled request was run:\n%s", d.log)
	}
}

func TestAnEarlyAnswerReachesAClientThatStillSends(t *testing.T) {
	upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
	})
	d := startDaemon(t, upstream, "")
	conn := d.dial(t, "http/1.1")
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50000\r\n\r\nfirst"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // and sends nothing more
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 401 ") || !strings.HasSuffix(string(answer), "no") {
		t.Errorf("got %q, %v, want the 401 and the end of the connection", answer, err)
	}
}

func TestEventsReachTheClientAsTheyAreFlushed(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			next := make(chan struct{})
			upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
				for range next {
					_, _ = io.WriteString(conn, "3\r\nev\n\r\n")
				}
				_, _ = io.WriteString(conn, "0\r\n\r\n")
			})
			d := startDaemon(t, upstream, "")
			response, err := d.client(t, http2).Get("https://a.test/events")
			if err != nil {
				t.Fatal(err) // at least the head has to arrive
			}
			defer response.Body.Close()
			lines := bufio.NewReader(response.Body)
			for range 3 {
				next <- struct{}{}
				if line, err := lines.ReadString('\n'); line != "ev\n" {
					t.Fatalf("got %q, %v, want the event before the next is sent", line, err)
				}
			}
			close(next)
			if rest, err := io.ReadAll(lines); len(rest) != 0 || err != nil {
				t.Errorf("after the last event: %q, %v", rest, err)
			}
		})
	}
}

func TestATruncatedResponseNeverEndsCleanly(t *testing.T) {
	for _, test := range []struct{ name, answer string }{
		{"it has a declared length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"},
		{"it is chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, http2=%v", test.name, http2), func(t *testing.T) {
				upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
					_, _ = io.WriteString(conn, test.answer)
					_ = conn.Close()
				})
				d := startDaemon(t, upstream, "")
				response, err := d.client(t, http2).Get("https://a.test/")
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if body, err := io.ReadAll(response.Body); err == nil {
					t.Errorf("got %q and a clean end, want an error", body)
				}
			})
		}
	}
}

func TestABodyThatStandsStillEnds(t *testing.T) {
	t.Run("an upload of a client that sends nothing more is answered with 408", func(t *testing.T) {
		upstream := rawUpstream(t, func(_ string, r *bufio.Reader, _ net.Conn) { _, _ = io.Copy(io.Discard, r) })
		d := startDaemon(t, upstream, "body_idle_timeout_secs = 1")
		answer := d.raw(t, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf")
		if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
			t.Errorf("got %q, want a 408", answer)
		}
	})
	t.Run("a download of an upstream that sends nothing more is cut", func(t *testing.T) {
		upstream := rawUpstream(t, func(_ string, r *bufio.Reader, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, r)
		})
		d := startDaemon(t, upstream, "body_idle_timeout_secs = 1")
		answer := d.raw(t, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
		if !strings.HasSuffix(answer, "half") {
			t.Errorf("got %q, want what came and the end of the connection", answer)
		}
		waitFor(t, "the log line", func() bool { return strings.Contains(d.log.String(), "UPSTREAM_ERROR") })
	})
	t.Run("one that moves slowly is not cut", func(t *testing.T) {
		upstream := rawUpstream(t, func(_ string, _ *bufio.Reader, conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
			for range 5 {
				<-time.After(800 * time.Millisecond)
				_, _ = io.WriteString(conn, "x")
			}
		})
		d := startDaemon(t, upstream, "body_idle_timeout_secs = 3") // less than the whole takes, far more than a pause
		answer := d.raw(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
		if !strings.HasSuffix(answer, "xxxxx") {
			t.Errorf("got %q, want the whole body", answer)
		}
	})
}

func TestAnUpstreamThatIsSilentIsAGatewayTimeout(t *testing.T) {
	upstream := rawUpstream(t, func(_ string, r *bufio.Reader, _ net.Conn) { _, _ = io.Copy(io.Discard, r) })
	d := startDaemonWithSite(t, upstream, "", "upstream_request_timeout_secs = 1\n")
	if answer := d.raw(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 504 ") {
		t.Errorf("got %q, want a 504", answer)
	}
}

func TestAClientThatLeavesCancelsTheUpstreamRequest(t *testing.T) {
	cancelled := make(chan struct{})
	reached := make(chan struct{})
	upstream := rawUpstream(t, func(_ string, r *bufio.Reader, _ net.Conn) {
		close(reached)
		_, _ = io.Copy(io.Discard, r)
		close(cancelled)
	})
	d := startDaemon(t, upstream, "")
	conn := d.dial(t, "http/1.1")
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	<-reached
	_ = conn.Close()
	select {
	case <-cancelled:
	case <-time.After(patience):
		t.Error("the upstream's connection is still open")
	}
	// The only other possible end, the upstream's timeout, would leave status=504.
	waitFor(t, "the log line", func() bool { return strings.Contains(d.log.String(), "status=499") })
}

func TestTheDaemonLeavesNothingBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	upstream := rawUpstream(t, answerOK)
	d := startDaemon(t, upstream, "")
	client := d.client(t, true)
	if response, err := client.Get("https://a.test/"); err != nil {
		t.Fatal(err)
	} else {
		_ = response.Body.Close()
	}
	client.CloseIdleConnections()
	d.stopWithin(t, patience)
	if _, err := os.Lstat(filepath.Join(d.dir, "admin.sock")); !os.IsNotExist(err) {
		t.Errorf("the admin socket's file is still there: %v", err)
	}
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("reverse-proxy/proxy.rawUpstream.func2"),
		goleak.IgnoreAnyFunction("reverse-proxy/proxy.rawUpstream.func2.1"))
}

func TestAStartThatFailsReleasesEverything(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	d := &testDaemon{address: freeAddress(), dir: t.TempDir(), log: new(syncBuffer)}
	d.config = filepath.Join(d.dir, "config.toml")
	d.writeConfig(t, "127.0.0.1:1", "")
	taken, err := net.Listen("tcp", d.address+":8080")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{ConfigPath: d.config, Stdout: d.log})
	_ = taken.Close()
	want := fmt.Sprintf("startup step 6 (bind_listeners): listeners[0].http_port (line 15): %s:8080: address already in use; stop the other program or choose another port", d.address)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := os.Lstat(filepath.Join(d.dir, "admin.sock")); !os.IsNotExist(err) {
		t.Errorf("the admin socket's file is still there: %v", err)
	}
	if again, err := net.Listen("tcp", d.address+":8443"); err != nil {
		t.Errorf("the HTTPS port is still bound: %v", err)
	} else {
		_ = again.Close()
	}
	goleak.VerifyNone(t, ignore)
}

// syncBuffer is a log that a test reads while the daemon writes it.
type syncBuffer = waittest.Buffer

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	waittest.For(t, what, condition)
}
