package conformance_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crawled is one of the applications of docs/crawlers.md as the crawlers see it.
type crawled struct {
	host, upstream string
	// expensive returns the target of the i-th expensive page. cheap is the page that people need.
	expensive func(i int) string
	cheap     string
	// bound is the `concurrent` of the document for the expensive pages.
	bound int
	// crawlers is the number of addresses that ask for expensive pages.
	crawlers int
}

// Their paths are those of Gitea's routers/web/web.go, of MediaWiki with short addresses, and of cgit's cmd.c.
var crawledApplications = []crawled{
	{"git.example.com", "127.0.0.1:3000", func(i int) string {
		return []string{
			fmt.Sprintf("/alice/project-%d/blame/branch/main/file.go", i), fmt.Sprintf("/alice/project-%d/archive/main.tar.gz", i),
			fmt.Sprintf("/alice/project-%d/commits/commit/%040x", i, i), fmt.Sprintf("/alice/project-%d/src/commit/%040x/file.go?display=source", i, i),
		}[i%4]
	}, "/user/login", 8, 5000},
	{"wiki.example.com", "127.0.0.1:8080", func(i int) string {
		return fmt.Sprintf("/w/index.php?title=Page_%d&%s", i, []string{"action=history", "diff=prev&oldid=5", "oldid=7"}[i%3])
	}, "/wiki/Special:UserLogin", 4, 400},
	{"cgit.example.com", "127.0.0.1:8081", func(i int) string {
		return fmt.Sprintf("/project-%d/%s", i, []string{"log/?ofs=500", "diff/?id=5", "blame/file.c", "snapshot/project-1.tar.gz"}[i%4])
	}, "/", 4, 400},
}

const (
	// crawlersAtOnce is how many crawlers run at the same time, and crawlerPause how long each waits after an answer.
	// The load comes from many addresses, and not from as many handshakes as the machine can do.
	crawlersAtOnce, crawlerPause = 200, 700 * time.Millisecond
	// expensiveTime is how long an expensive page occupies one of the application's workers. The application has twice
	// as many workers as the document allows for such pages.
	expensiveTime = 400 * time.Millisecond
)

// crawledStandIn is an application with as many workers as the document advises. Each page occupies one of them, an
// expensive page for long. A request that finds none waits.
type crawledStandIn struct {
	crawled
	workers chan struct{}
	// working is the number of expensive pages being made, most its maximum.
	working, most, made atomic.Int32
}

func newCrawledStandIn(of crawled) *crawledStandIn {
	return &crawledStandIn{crawled: of, workers: make(chan struct{}, 2*of.bound)}
}

func (s *crawledStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.workers <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	defer func() { <-s.workers }()
	if r.URL.Path == s.cheap {
		_, _ = io.WriteString(w, "sign in")
		return
	}
	n := s.working.Add(1)
	defer s.working.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	time.Sleep(expensiveTime) // the application is at work: this is what the page costs
	s.made.Add(1)
	_, _ = io.WriteString(w, strings.Repeat("line\n", 2000))
}

// crawl requests n pages, each from a different address, and returns how many were answered with each status.
func crawl(t *testing.T, proxy string, of crawled, n int) map[int]int {
	t.Helper()
	statuses := map[int]int{}
	var mu sync.Mutex
	var next atomic.Int32
	var wg sync.WaitGroup
	for range crawlersAtOnce {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > n {
					return
				}
				status, _, err := ask(t.Context(), proxy, of.host, of.expensive(i), net.IPv4(127, 77, byte(i>>8), byte(i)))
				if err != nil {
					status = 0
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
				time.Sleep(crawlerPause)
			}
		})
	}
	wg.Wait()
	return statuses
}

// ask makes one request over a new connection from the address.
func ask(ctx context.Context, proxy, host, target string, from net.IP) (status int, took time.Duration, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	transport := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", proxy) },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, ServerName: host},
		DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+target, nil)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	resp, err := client.Do(request)
	if err != nil {
		return 0, time.Since(began), err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, time.Since(began), err
}

// visit requests the cheap page again and again, from a few addresses, until the context ends. It returns how many of
// the answers took longer than a second or were not successful.
func visit(ctx context.Context, proxy string, of crawled) (asked, late int, worst time.Duration) {
	for i := 0; ctx.Err() == nil; i++ {
		status, took, err := ask(context.WithoutCancel(ctx), proxy, of.host, of.cheap, net.IPv4(127, 78, 0, byte(1+i%5)))
		if asked++; err != nil || status != http.StatusOK || took > time.Second {
			late++
		}
		worst = max(worst, took)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return asked, late, worst
}

// crawledConfig returns the configuration of docs/crawlers.md for a loopback proxy on the port, in front of the stand-ins.
func crawledConfig(t *testing.T, port int, upstreams map[string]string) string {
	t.Helper()
	all := configurations(documents(t)["crawlers.md"])
	text := all[len(all)-1]
	for _, application := range crawledApplications {
		if !strings.Contains(text, `upstream = "`+application.upstream+`"`) {
			t.Fatalf("docs/crawlers.md has no upstream %s", application.upstream)
		}
		text = strings.ReplaceAll(text, `"`+application.upstream+`"`, `"`+upstreams[application.host]+`"`)
	}
	text = tomlACME.ReplaceAllString(text, "mode = \"self_signed\"\n")
	text = tomlAddress.ReplaceAllString(text, fmt.Sprintf("bind_addr = \"127.0.0.1\"\nhttp_port = 0\nhttps_port = %d", port))
	return "health_check_port = 0\nadmin_socket_path = \"\"\nsandbox = \"off\"\n" + text
}

// limitKeys matches the keys of the limits in docs/crawlers.md.
var limitKeys = regexp.MustCompile(`(?m)^(rate_limit|total_requests_per_second|concurrent|concurrent_wait_secs) = .*\n`)

// TestTheRecipesAgainstCrawlers runs the configuration of docs/crawlers.md. While thousands of addresses ask for expensive
// pages, the page that people need is answered within a second (S-17.2); without the limits it is not.
func TestTheRecipesAgainstCrawlers(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 6,600 TLS connections in more than a minute; -short is for quick runs by hand, and neither make test nor .ci/run sets it")
	}
	for i, application := range crawledApplications {
		for _, limited := range []bool{false, true} {
			name, pages := application.host, application.crawlers
			if !limited {
				name, pages = application.host+" without limits", 800
				if i > 0 {
					continue // one of them shows what the limits are for
				}
			}
			t.Run(name, func(t *testing.T) {
				standIn := newCrawledStandIn(application)
				upstream := startUpstream(t, standIn)
				upstreams := map[string]string{}
				for _, other := range crawledApplications {
					upstreams[other.host] = upstream
				}
				port := sharedPort(t)
				config := crawledConfig(t, port, upstreams)
				if !limited {
					config = limitKeys.ReplaceAllString(config, "")
				}
				log := startBinary(t, config)
				proxy := fmt.Sprintf("127.0.0.1:%d", port)
				awaitAnswer(t, "https://"+proxy+"/", log)
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				visits := make(chan [3]int, 1)
				go func() {
					asked, late, worst := visit(ctx, proxy, application)
					visits <- [3]int{asked, late, int(worst.Milliseconds())}
				}()
				statuses := crawl(t, proxy, application, pages)
				cancel()
				got := <-visits
				t.Logf("%d crawlers in %v: statuses %v; at most %d expensive pages at once, %d made; the cheap page: %d asked, %d late, at worst %d ms",
					pages, time.Since(began).Round(time.Millisecond), statuses, standIn.most.Load(), standIn.made.Load(), got[0], got[1], got[2])
				if !limited {
					if got[1]*10 <= got[0] {
						t.Errorf("without limits %d of %d requests for %s were late, want too many: the test shows nothing", got[1], got[0], application.cheap)
					}
					return
				}
				if got[0] < 5 || got[1]*10 > got[0] {
					t.Errorf("%d of %d requests for %s took more than a second or failed, want hardly any", got[1], got[0], application.cheap)
				}
				if most := int(standIn.most.Load()); most > application.bound || most < 2 {
					t.Errorf("got %d expensive pages at once, want at most the %d of the document, and some", most, application.bound)
				}
				if statuses[http.StatusOK] == 0 || statuses[http.StatusTooManyRequests]+statuses[http.StatusServiceUnavailable] == 0 || statuses[0] > 0 {
					t.Errorf("got the statuses %v of the crawlers, want some pages, the rest refused, and no failure", statuses)
				}
			})
		}
	}
}

func TestTheRecipesAgainstCrawlersLimitTheExpensivePagesOnly(t *testing.T) {
	all := configurations(documents(t)["crawlers.md"])
	if len(all) != len(crawledApplications) {
		t.Fatalf("got %d configurations in docs/crawlers.md, want one for each of the %d applications", len(all), len(crawledApplications))
	}
	for _, application := range crawledApplications {
		if hosts := tomlHost.FindAllStringSubmatch(all[len(all)-1], -1); !slices.ContainsFunc(hosts, func(host []string) bool { return host[1] == application.host }) {
			t.Errorf("got the hosts %v, want %s among them", hosts, application.host)
		}
	}
}
