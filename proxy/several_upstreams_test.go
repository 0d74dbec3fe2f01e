package proxy

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/balance"
	"reverse-proxy/proxy/config"
)

func TestSeveralUpstreamsCostNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("sync.Pool forgets what it holds now and then under the race detector; make unit runs this without it too")
	}
	ofTLS := newTLSExchange(t, browserGet, "\r\n\r\n", okResponse).allocations(t)
	for _, method := range []string{config.BalanceRoundRobin, config.BalanceLeastRequests, config.BalanceClient, config.BalanceCookie} {
		t.Run(method, func(t *testing.T) {
			s, p := newSteadyPath(t, browserGet, "\r\n\r\n", okResponse, okResponse, func(o *pathOptions) {
				o.balance = method
				for range 2 {
					o.others = append(o.others, config.Upstream{Address: steadyUpstream(t, []byte("\r\n\r\n"), []byte(okResponse))})
				}
			})
			if method == config.BalanceCookie { // a request without one gets a Set-Cookie, which is a new text
				s.request = []byte(strings.Replace(browserGet, "Cookie: ", "Cookie: "+balanceCookie+"="+p.site.tokens[1]+"; ", 1))
			}
			// The sweeper's ticks and the log's batches do not belong to a request.
			if got := s.allocations(t); got-ofTLS >= 0.1 {
				t.Errorf("%.2f allocations a request, of which %.2f are those of TLS; want no others", got, ofTLS)
			}
		})
	}
}

// deadUpstream returns an address at which connections are refused.
func deadUpstream(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	return ln.Addr().String()
}

// TestNoRetryReachesADrainedUpstream checks S-18.6 with S-18.2: an operator who has drained an upstream may stop it, and a
// failure of another upstream does not change that.
func TestNoRetryReachesADrainedUpstream(t *testing.T) {
	leaks(t)
	var reached atomic.Int64
	drained := scriptedUpstream(t, nil, func(_ int, _ *bufio.Reader, conn net.Conn) {
		reached.Add(1)
		_, _ = io.WriteString(conn, okResponse)
	})
	p := startPath(t, deadUpstream(t), func(o *pathOptions) { o.others = config.Upstreams{{Address: drained}} })
	p.shared.upstreams.states.Drain("a.test", drained)
	answer, err := p.exchange(t, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 502 ") || err != nil || reached.Load() != 0 {
		t.Errorf("got %q, %v, and %d connections to the drained upstream; want 502 and none", answer, err, reached.Load())
	}
}

// TestARequestThatIsGivenUpIsNoLongerCounted checks that drain finds an upstream idle when clients have left it.
func TestARequestThatIsGivenUpIsNoLongerCounted(t *testing.T) {
	leaks(t)
	arrived, ended := make(chan struct{}), make(chan struct{})
	hangs := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
		_, _ = r.ReadString('\n')
		close(arrived)
		_, _ = io.Copy(io.Discard, r)
		close(ended)
	})
	p := startPath(t, hangs, func(o *pathOptions) { o.others = config.Upstreams{{Address: deadUpstream(t), Backup: true}} })
	conn := p.dial(t)
	if _, err := io.WriteString(conn, getA); err != nil {
		t.Fatal(err)
	}
	<-arrived
	state := p.site.list.Members()[0].State
	if got := state.Info().InFlight; got != 1 {
		t.Errorf("got %d requests in flight, want 1", got)
	}
	_ = conn.Close()
	<-ended
	waitFor(t, "the count", func() bool { return state.Info().InFlight == 0 })
}

// TestTheStateBelongsToTheWayToTheUpstream checks S-18.3: "down" because of a certificate ends with the CA that did not verify
// it.
func TestTheStateBelongsToTheWayToTheUpstream(t *testing.T) {
	base := config.Settings{UpstreamScheme: "https", UpstreamProtocol: "http1"}
	keyOf := func(change func(*config.Settings)) balance.Key {
		settings := base
		change(&settings)
		r := newRoute(&site{config: config.Site{Host: "a.test"}}, "", config.Route{Upstreams: config.OneUpstream("a:1"), Settings: settings})
		return r.stateKey("a:1")
	}
	same := func(*config.Settings) {}
	if keyOf(same) != keyOf(func(s *config.Settings) { s.ConnectTimeout = time.Second; s.Balance = "cookie" }) {
		t.Error("the state of an upstream is lost although the settings for it are the same")
	}
	for name, change := range map[string]func(*config.Settings){
		"the scheme is another one":                func(s *config.Settings) { s.UpstreamScheme = "http" },
		"the protocol is another one":              func(s *config.Settings) { s.UpstreamProtocol = "http2" },
		"the CA is another one":                    func(s *config.Settings) { s.UpstreamTLS.CAPath, s.UpstreamTLS.CAHash = "ca.pem", "1" },
		"the name is another one":                  func(s *config.Settings) { s.UpstreamTLS.ServerName = "b" },
		"the PROXY protocol is spoken":             func(s *config.Settings) { s.UpstreamProxy = config.ProxyV1 },
		"the check is another one":                 func(s *config.Settings) { s.Health.Path = "/up" },
		"the interval of the check is another one": func(s *config.Settings) { s.Health.Path = "/up"; s.Health.Interval = time.Second },
	} {
		if keyOf(change) == keyOf(same) {
			t.Errorf("%s: the state is kept", name)
		}
	}
	old := keyOf(func(s *config.Settings) { s.UpstreamTLS.CAPath, s.UpstreamTLS.CAHash = "ca.pem", "1" })
	if old == keyOf(func(s *config.Settings) { s.UpstreamTLS.CAPath, s.UpstreamTLS.CAHash = "ca.pem", "2" }) {
		t.Error("the state is kept although the file has another CA")
	}
}
