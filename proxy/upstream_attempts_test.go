package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeNetwork makes connections in a synctest bubble.
type fakeNetwork struct {
	mu sync.Mutex
	// takes is how long each address takes to connect, and fails how long to refuse; any other address never answers.
	takes, fails map[string]time.Duration
	// tried lists the addresses in the order of the attempts, each with its time after the start.
	tried []string
	at    []time.Duration
	start time.Time
	open  int
}

// fakeConn is a connection of a fakeNetwork.
type fakeConn struct {
	net.Conn
	network *fakeNetwork
}

func (c fakeConn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.network.open--
	return nil
}

func (f *fakeNetwork) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	address := to.Addr().String()
	f.mu.Lock()
	f.tried, f.at = append(f.tried, address), append(f.at, time.Since(f.start))
	f.mu.Unlock()
	wait, ok := f.takes[address]
	refused, no := f.fails[address]
	if !ok && !no {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(wait + refused):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if no {
		return nil, errors.New(address + " refused")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open++
	return fakeConn{network: f}, nil
}

func TestAddressesAreTriedInTurn(t *testing.T) {
	type durations = map[string]time.Duration
	for _, test := range []struct {
		name         string
		addresses    []string
		takes, fails durations
		// got is the address of the connection and the time that it took, or the error.
		got, err string
		after    time.Duration
		tried    []string
		at       []time.Duration
	}{
		{name: "the only one answers", addresses: []string{"10.0.0.1"}, takes: durations{"10.0.0.1": 1e9}, got: "10.0.0.1", after: 1e9,
			tried: []string{"10.0.0.1"}, at: []time.Duration{0}},
		{name: "the only one refuses", addresses: []string{"10.0.0.1"}, fails: durations{"10.0.0.1": 0}, err: "10.0.0.1 refused",
			tried: []string{"10.0.0.1"}, at: []time.Duration{0}},
		{name: "the first answers at once", addresses: []string{"::1", "10.0.0.1"}, takes: durations{"::1": 0, "10.0.0.1": 0}, got: "::1",
			tried: []string{"::1"}, at: []time.Duration{0}},
		{name: "the second answers, because the first refuses", addresses: []string{"::1", "10.0.0.1"}, fails: durations{"::1": 0},
			takes: durations{"10.0.0.1": 0}, got: "10.0.0.1", tried: []string{"::1", "10.0.0.1"}, at: []time.Duration{0, 0}},
		{name: "the third answers, because the others do not", addresses: []string{"::1", "::2", "10.0.0.1"}, takes: durations{"10.0.0.1": 1e8},
			got: "10.0.0.1", after: 6e8, tried: []string{"::1", "::2", "10.0.0.1"}, at: []time.Duration{0, 25e7, 5e8}},
		{name: "a slow one is still the first", addresses: []string{"::1", "10.0.0.1"}, takes: durations{"::1": 3e8, "10.0.0.1": 1e9},
			got: "::1", after: 3e8, tried: []string{"::1", "10.0.0.1"}, at: []time.Duration{0, 25e7}},
		{name: "two answer at the same moment", addresses: []string{"::1", "10.0.0.1"}, takes: durations{"::1": 3e8, "10.0.0.1": 5e7},
			got: "either", after: 3e8, tried: []string{"::1", "10.0.0.1"}, at: []time.Duration{0, 25e7}},
		{name: "none answers, as all refuse", addresses: []string{"::1", "10.0.0.1"}, fails: durations{"::1": 1e7, "10.0.0.1": 0},
			err: "::1 refused", after: 1e7, tried: []string{"::1", "10.0.0.1"}, at: []time.Duration{0, 1e7}},
		{name: "none answers in time", addresses: []string{"::1", "10.0.0.1"}, err: "context deadline exceeded", after: 5e9,
			tried: []string{"::1", "10.0.0.1"}, at: []time.Duration{0, 25e7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &fakeNetwork{takes: test.takes, fails: test.fails, start: time.Now()}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				conn, address, err := dialInTurn(ctx, parseAddresses(test.addresses...), 80, network.dial)
				if took := time.Since(network.start); took != test.after {
					t.Errorf("it took %v, want %v", took, test.after)
				}
				synctest.Wait()
				open := 1
				if test.err != "" {
					open = 0
					if err == nil || err.Error() != test.err {
						t.Errorf("got %v, want %q", err, test.err)
					}
				} else if err != nil || test.got != "either" && address.String() != test.got {
					t.Errorf("got %v and %v, want %s", address, err, test.got)
				}
				network.mu.Lock()
				if !slices.Equal(network.tried, test.tried) || !slices.Equal(network.at, test.at) || network.open != open {
					t.Errorf("tried %v at %v with %d open at the end; want %v at %v and %d",
						network.tried, network.at, network.open, test.tried, test.at, open)
				}
				network.mu.Unlock()
				if conn != nil {
					_ = conn.Close()
				}
			})
		})
	}
}

func TestAnAddressThatWasReachedIsTriedFirstNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := new(fakeDNS)
		dns.set("app.test", "10.0.0.1", "10.0.0.2", "10.0.0.3")
		names, _, _ := testNames(t, dns)
		network := &fakeNetwork{takes: map[string]time.Duration{"10.0.0.2": 0}, start: time.Now()}
		for range 2 {
			if _, address, err := names.of("app.test").connect(t.Context(), 80, network.dial); err != nil || address.String() != "10.0.0.2" {
				t.Fatalf("got %v and %v", address, err)
			}
		}
		if want := []string{"10.0.0.1", "10.0.0.2", "10.0.0.2"}; !slices.Equal(network.tried, want) {
			t.Errorf("tried %v, want %v", network.tried, want)
		}
	})
}

// A replaced server, such as a container, is found without waiting for the next scheduled look-up.
func TestAnUpstreamThatCannotBeReachedIsLookedUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: 10 * time.Millisecond}
		dns.set("app.test", "10.0.0.1")
		names, _, _ := testNames(t, dns)
		network := &fakeNetwork{takes: map[string]time.Duration{"10.0.0.1": 0}, start: time.Now()}
		app := names.of("app.test")
		connect := func() (netip.Addr, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, address, err := app.connect(ctx, 80, network.dial)
			return address, err
		}
		if _, err := connect(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		network.takes, network.fails = map[string]time.Duration{"10.0.0.2": 0}, map[string]time.Duration{"10.0.0.1": 0}
		dns.set("app.test", "10.0.0.2")
		if address, err := connect(); err != nil || address.String() != "10.0.0.2" {
			t.Errorf("got %v and %v, want the new address", address, err)
		}

		// Neither a flood of requests to an upstream that is down nor a dead DNS server makes it look up endlessly, or
		// wait.
		time.Sleep(2 * time.Second)
		network.takes, network.fails = nil, map[string]time.Duration{"10.0.0.2": 0}
		before := len(dns.times("app.test"))
		for range 100 {
			if _, err := connect(); err == nil || err.Error() != "10.0.0.2 refused" {
				t.Errorf("got %v, want it refused", err)
			}
		}
		if n := len(dns.times("app.test")) - before; n != 1 {
			t.Errorf("%d look-ups for 100 requests at once, want 1", n)
		}
		dns.hang(true, "app.test")
		time.Sleep(2 * time.Second)
		for i, longest := range []time.Duration{lookUpPatience, lookUpPatience, 0} {
			began := time.Now()
			if _, err := connect(); err == nil || time.Since(began) > longest {
				t.Errorf("request %d: got %v after %v, want a failure after %v at most", i, err, time.Since(began), longest)
			}
			time.Sleep(lookUpTimeout / 2)
		}
	})
}
