package soak

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The rounds of TestSoakPasswords, and how long each measurement of a round takes.
const (
	passwordRounds = 15
	passwordWindow = 2 * time.Second
)

// TestSoakPasswords is part of `make soak`: floods of wrong passwords for one site, from one address and from a thousand, leave the p99
// of another site within twice what it was. Each round measures it without a flood and with both, so that what the machine does at the
// time meets all three.
func TestSoakPasswords(t *testing.T) {
	if os.Getenv("SOAK_MINUTES") == "" {
		t.Skip("make soak runs this")
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	t.Cleanup(upstream.Close)
	d := newDaemon(t)
	users := filepath.Join(d.Dir, "users")
	// bcrypt of the cost 10, which is the default of many programs.
	if err := os.WriteFile(users, []byte("ann:$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(upstream.URL, "http://")
	sites := fmt.Sprintf("[[listeners.sites]]\nhost = \"a.test\"\nupstream = %q\naccess = { basic_users_file = %q }\n[[listeners.sites]]\nhost = \"b.test\"\nupstream = %q\n",
		address, users, address)
	if err := d.ConfigureText(sites); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, d)
	of := newVisits("https://b.test/", d.Port)
	t.Cleanup(of.close)
	measure := func() time.Duration {
		took, err := of.percentile(passwordWindow)
		if err != nil {
			t.Fatal(err)
		}
		return took
	}
	measure() // opens the connections
	var quiet []time.Duration
	ratios := map[int][]float64{}
	for round := range passwordRounds {
		before := measure()
		quiet = append(quiet, before)
		for _, addresses := range []int{1, 1000} {
			flood, err := floodPasswords(t.Context(), "https://a.test/", d.Port, addresses)
			if err != nil {
				t.Fatal(err)
			}
			during := measure()
			flood.stop()
			ratios[addresses] = append(ratios[addresses], float64(during)/float64(max(before, quick)))
			t.Logf("round %d: p99 %v without a flood, %v with one from %d addresses (%d passwords verified, %d answered 429)",
				round+1, before, during, addresses, flood.verified.Load(), flood.busy.Load())
		}
	}
	slices.Sort(quiet)
	for addresses, all := range ratios {
		slices.Sort(all)
		t.Logf("%d addresses: p99 %v without a flood; with it %.2f times that (%.2f–%.2f)", addresses, quiet[len(quiet)/2], all[len(all)/2], all[0], all[len(all)-1])
		if median := all[len(all)/2]; median > 2 {
			t.Errorf("got a p99 %.2f times as long during a flood from %d addresses, want at most twice", median, addresses)
		}
	}
}
