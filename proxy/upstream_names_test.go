package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// fakeDNS is a resolver for tests in a synctest bubble.
type fakeDNS struct {
	mu sync.Mutex
	// addresses are its answers; a name without an entry does not exist.
	addresses map[string][]netip.Addr
	// hangs are the names that it does not answer, and takes how long it takes for the others.
	hangs map[string]bool
	takes time.Duration
	// asked holds the times at which it was queried, by name, and busy the number of queries that wait for an answer.
	asked      map[string][]time.Time
	busy, most int
}

func (d *fakeDNS) lookUp(ctx context.Context, name string) ([]netip.Addr, error) {
	d.mu.Lock()
	if d.asked == nil {
		d.asked = map[string][]time.Time{}
	}
	d.asked[name] = append(d.asked[name], time.Now())
	hangs, addresses, takes := d.hangs[name], d.addresses[name], d.takes
	d.busy++
	d.most = max(d.most, d.busy)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.busy--
	}()
	if hangs {
		takes = time.Hour
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if addresses == nil {
		return nil, errors.New("no such host")
	}
	return addresses, nil
}

// set changes the answer for a name.
func (d *fakeDNS) set(name string, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.addresses == nil {
		d.addresses = map[string][]netip.Addr{}
	}
	d.addresses[name] = parseAddresses(addresses...)
}

// hang makes names hang, or answer again.
func (d *fakeDNS) hang(hangs bool, names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hangs == nil {
		d.hangs = map[string]bool{}
	}
	for _, name := range names {
		d.hangs[name] = hangs
	}
}

// times returns the times at which a name was queried.
func (d *fakeDNS) times(name string) []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked[name])
}

// mostSince returns the largest number of concurrent queries since the last call.
func (d *fakeDNS) mostSince() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	most := d.most
	d.most = d.busy
	return most
}

func parseAddresses(texts ...string) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range texts {
		addresses = append(addresses, netip.MustParseAddr(text))
	}
	return addresses
}

// testNames returns upstreamNames over the resolver in a bubble, refreshed every second until the test ends, and a function
// that returns what they log.
func testNames(t *testing.T, dns *fakeDNS) (names *upstreamNames, moves *atomic.Int64, lines func() []string) {
	t.Helper()
	moves = new(atomic.Int64)
	names = newUpstreamNames(dns.lookUp, func(*upstreamName) { moves.Add(1) })
	names.log, lines = eventlogtest.Bubble(t, eventlog.New, eventlog.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var ticking sync.WaitGroup
	ticking.Go(func() {
		ticker := time.NewTicker(upstreamSweep)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				names.refresh(now)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		ticking.Wait()
		names.close()
	})
	return names, moves, lines
}

func TestANameIsLookedUpAtLeastEvery30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: 20 * time.Millisecond}
		dns.set("app.test", "10.0.0.1")
		names, moves, lines := testNames(t, dns)
		names.of("unused.test")
		app := names.of("app.test")
		if got, err := app.addresses(t.Context()); err != nil || got[0].String() != "10.0.0.1" {
			t.Fatalf("got %v and %v, want 10.0.0.1", got, err)
		}
		time.Sleep(10 * time.Minute)
		asked := dns.times("app.test")
		last := asked[0]
		for _, at := range asked[1:] {
			if at.Sub(last) > 30*time.Second {
				t.Errorf("%v from one look-up to the next, want 30 s at most", at.Sub(last))
			}
			last = at
		}
		if n := len(asked); n < 20 || n > 30 {
			t.Errorf("%d look-ups in 10 minutes, want about 24", n)
		}
		if n := len(dns.times("unused.test")); n != 0 {
			t.Errorf("%d look-ups of a name that no request was for, want none", n)
		}
		dns.set("app.test", "10.0.0.2", "10.0.0.3")
		time.Sleep(30 * time.Second)
		if got, _ := app.addresses(t.Context()); !slices.Equal(got, parseAddresses("10.0.0.2", "10.0.0.3")) {
			t.Errorf("got %v 30 s after the change, want the new addresses", got)
		}
		if app.has(netip.MustParseAddr("10.0.0.1")) || !app.has(netip.MustParseAddr("10.0.0.3")) {
			t.Error("the name has the old address, or lacks a new one")
		}
		// The order does not matter: servers rotate it.
		dns.set("app.test", "10.0.0.3", "10.0.0.2")
		time.Sleep(time.Minute)
		if got, _ := app.addresses(t.Context()); !slices.Equal(got, parseAddresses("10.0.0.3", "10.0.0.2")) {
			t.Errorf("got %v, want the order of the last answer", got)
		}
		synctest.Wait()
		eventlogtest.WantLines(t, "lines", lines(), "INFO UPSTREAM_ADDRESSES name=app.test old=10.0.0.1 new=10.0.0.2,10.0.0.3")
		if n := moves.Load(); n != 1 {
			t.Errorf("the name has moved %d times, want once", n)
		}
	})
}

// TestNamesAreLookedUpWhileRequestsWaitForConnections makes one request wait forever: any client can keep one waiting
// at a site with few connections.
func TestNamesAreLookedUpWhileRequestsWaitForConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{}
		dns.set("app.test", "10.0.0.1")
		all := newUpstreams(1)
		all.names = newUpstreamNames(dns.lookUp, all.moved)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { all.run(ctx) })
		t.Cleanup(func() {
			cancel()
			running.Wait()
			all.close()
		})
		if _, err := all.names.of("app.test").addresses(t.Context()); err != nil {
			t.Fatal(err)
		}
		pool := all.pool(siteTo("a", "10.0.0.1:1", "http"), 0)
		for range 2 {
			all.slots.Acquire(&all.nobody, &pool.share, time.Now())
		}
		all.press()
		time.Sleep(5 * time.Minute)
		if n := len(dns.times("app.test")); n < 10 {
			t.Errorf("%d look-ups in 5 minutes, want one at least every 30 s", n)
		}
	})
}

func TestALookUpThatFailsKeepsTheLastAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := new(fakeDNS)
		dns.set("app.test", "10.0.0.1")
		names, moves, lines := testNames(t, dns)
		app := names.of("app.test")
		if _, err := app.addresses(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, fail := range []func(){
			func() { dns.set("app.test") },         // no such host
			func() { dns.hang(true, "app.test") },  // no answer
			func() { dns.hang(false, "app.test") }, // the name does not exist any more
		} {
			fail()
			time.Sleep(2 * time.Minute)
			if got, err := app.addresses(t.Context()); err != nil || got[0].String() != "10.0.0.1" {
				t.Errorf("got %v and %v after failed look-ups, want what was found last", got, err)
			}
		}
		eventlogtest.WantLines(t, "lines", lines(), `WARN UPSTREAM_LOOKUP name=app.test error="no such host" kept=10.0.0.1`)
		dns.set("app.test", "10.0.0.1")
		time.Sleep(time.Minute)
		dns.set("app.test")
		time.Sleep(time.Minute)
		eventlogtest.WantLines(t, "lines of the second failure", lines()[1:], `WARN UPSTREAM_LOOKUP name=app.test error="no such host" kept=10.0.0.1`)
		synctest.Wait()
		if n := moves.Load(); n != 0 {
			t.Errorf("the name has moved %d times, want never", n)
		}
	})
}

func TestTheFirstRequestWaitsForTheLookUpAsLongAsItMayAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: time.Second}
		dns.set("app.test", "10.0.0.1")
		dns.hang(true, "dead.test")
		names, _, lines := testNames(t, dns)
		app, dead := names.of("app.test"), names.of("dead.test")
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				if _, err := app.addresses(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		waiting.Wait()
		if n := len(dns.times("app.test")); n != 1 {
			t.Errorf("%d look-ups for 100 requests at once, want 1", n)
		}
		began := time.Now()
		if _, err := app.addresses(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("a later request waited %v and got %v, want no wait", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := dead.addresses(ctx)
		if !isTimeout(err) || time.Since(began) != 2*time.Second {
			t.Errorf("got %v after %v, want a timeout after 2s", err, time.Since(began))
		}
		if want := "lookup dead.test: no answer within upstream_connect_timeout_secs"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		time.Sleep(lookUpTimeout)
		eventlogtest.WantLines(t, "lines", lines(), `WARN UPSTREAM_LOOKUP name=dead.test error="context deadline exceeded" kept=-`)
		dns.hang(false, "dead.test")
		dns.set("dead.test", "10.0.0.9")
		if got, err := dead.addresses(t.Context()); err != nil || got[0].String() != "10.0.0.9" {
			t.Errorf("got %v and %v from a server that answers again", got, err)
		}
	})
}

func TestNamesThatHangHoldUpNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: 10 * time.Millisecond}
		var dead []string
		for i := range 60 {
			dead = append(dead, fmt.Sprintf("dead-%d.test", i))
		}
		dns.hang(true, dead...)
		dns.set("app.test", "10.0.0.1")
		names, _, _ := testNames(t, dns)
		for _, host := range dead {
			name := names.of(host)
			go func() { _, _ = name.addresses(t.Context()) }()
		}
		if _, err := names.of("app.test").addresses(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookUpTimeout)
		synctest.Wait()
		dns.mostSince()
		begin := time.Now()
		time.Sleep(10 * time.Minute)
		last := begin
		for _, at := range append(dns.times("app.test"), time.Now()) {
			if at.After(begin) && at.Sub(last) > 30*time.Second {
				t.Errorf("%v without a look-up of the name that works", at.Sub(last))
			}
			last = at
		}
		if most := dns.mostSince(); most > 2*lookUpsInLane {
			t.Errorf("%d look-ups at once, want %d at most", most, 2*lookUpsInLane)
		}
	})
}

func TestAReloadLooksUpEveryNameAndDoesNotWaitForADeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: 100 * time.Millisecond}
		dns.set("a.test", "10.0.0.1")
		dns.set("b.test", "10.0.0.2")
		names, _, _ := testNames(t, dns)
		names.of("unused.test")
		for _, host := range []string{"a.test", "b.test"} {
			if _, err := names.of(host).addresses(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		dns.set("a.test", "10.0.1.1")
		dns.set("b.test", "10.0.1.2")
		began := time.Now()
		names.refreshAll()
		if took := time.Since(began); took != dns.takes {
			t.Errorf("it took %v, want %v", took, dns.takes)
		}
		for host, want := range map[string]string{"a.test": "10.0.1.1", "b.test": "10.0.1.2"} {
			if got, _ := names.of(host).addresses(t.Context()); got[0].String() != want {
				t.Errorf("%s is at %v after the reload, want %s", host, got, want)
			}
		}
		dns.hang(true, "a.test")
		dns.set("b.test", "10.0.2.2")
		began = time.Now()
		names.refreshAll()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v with a dead server, want 2 s at most", took)
		}
		if got, _ := names.of("b.test").addresses(t.Context()); got[0].String() != "10.0.2.2" {
			t.Errorf("b.test is at %v after the reload, want 10.0.2.2", got)
		}
		if n := len(dns.times("unused.test")); n != 0 {
			t.Errorf("%d look-ups of a name that no request was for, want none", n)
		}
		// The resolver may have answered from what it read of /etc/hosts 5 s ago.
		before := len(dns.times("b.test"))
		time.Sleep(afterReload + upstreamSweep)
		if n := len(dns.times("b.test")) - before; n != 1 {
			t.Errorf("%d look-ups in the 7 s after the reload, want 1", n)
		}
		time.Sleep(lookUpInterval - 2*upstreamSweep)
		if n := len(dns.times("b.test")) - before; n != 1 {
			t.Errorf("%d look-ups in the 30 s after the reload, want no more", n)
		}
	})
}

// A look-up that began before the reload may have missed the change for which the operator reloads.
func TestAReloadLooksUpANameThatIsBeingLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: 500 * time.Millisecond}
		dns.set("app.test", "10.0.0.1")
		names, _, _ := testNames(t, dns)
		app := names.of("app.test")
		go func() { _, _ = app.addresses(t.Context()) }()
		time.Sleep(100 * time.Millisecond)
		dns.set("app.test", "10.0.0.2")
		names.refreshAll()
		if got, _ := app.addresses(t.Context()); got[0].String() != "10.0.0.2" {
			t.Errorf("got %v after the reload, want 10.0.0.2", got)
		}
	})
}

func TestNamesAreForgottenWithTheirSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := new(fakeDNS)
		dns.set("app.test", "10.0.0.1")
		dns.set("old.test", "10.0.0.2")
		all := newUpstreams(10)
		defer all.close()
		all.names.lookUp = dns.lookUp
		kept := siteTo("a", "app.test:80", "http")
		for _, site := range []*route{kept, siteTo("b", "app.test:81", "https"), siteTo("c", "old.test:80", "http")} {
			if _, err := all.pool(site, 0).name.addresses(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(dns.times("app.test")); n != 1 {
			t.Errorf("%d look-ups for two pools of one name, want 1", n)
		}
		if all.pool(siteTo("d", "[::1]:80", "http"), 0).name != nil || all.pool(siteTo("e", "10.0.0.1:80", "http"), 0).name != nil {
			t.Error("an IP address is looked up")
		}
		before := all.pool(kept, 0).name
		all.keep(routesTo(siteTo("again", "app.test:80", "http")))
		if len(all.names.names) != 1 || all.pool(siteTo("again", "app.test:80", "http"), 0).name != before {
			t.Errorf("the names are %v, want the one that is still in use", all.names.names)
		}
		all.names.refresh(time.Now().Add(time.Minute))
		synctest.Wait()
		if app, old := len(dns.times("app.test")), len(dns.times("old.test")); app != 2 || old != 1 {
			t.Errorf("%d and %d look-ups, want 2 of the name in use and 1 of the other", app, old)
		}
	})
}

func TestTheEndEndsLookUps(t *testing.T) {
	leaks(t)
	began := make(chan struct{})
	names := newUpstreamNames(func(ctx context.Context, _ string) ([]netip.Addr, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	}, nil)
	app := names.of("app.test")
	ended := make(chan error)
	go func() {
		_, err := app.addresses(context.Background())
		ended <- err
	}()
	<-began
	names.close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cancellation", err)
	}
	if _, err := app.addresses(context.Background()); !errors.Is(err, errNamesClosed) {
		t.Errorf("got %v after the end, want %v", err, errNamesClosed)
	}
	names.refreshAll()
	names.refresh(time.Now().Add(time.Hour))
}

func TestAddressesAreEachOnceAndInOneForm(t *testing.T) {
	got := uniqueAddresses(append(parseAddresses("::ffff:10.0.0.1", "10.0.0.1", "::1", "10.0.0.2", "::1"), netip.Addr{}))
	if !slices.Equal(got, parseAddresses("10.0.0.1", "::1", "10.0.0.2")) {
		t.Errorf("got %v", got)
	}
	if text := addressList(parseAddresses("10.0.0.10", "::1", "10.0.0.9")); text != "10.0.0.9,10.0.0.10,::1" || strings.Contains(text, " ") {
		t.Errorf("got %q", text)
	}
}
