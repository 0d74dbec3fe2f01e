package hold

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/limit"
)

// clientNumber returns the key of one of many clients.
func clientNumber(i int) limit.Key {
	return limit.NewKey(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
}

func TestMaintenanceLastsUntilItIsEndedOrOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(time.Now)
		site := h.Site("a.test")
		if on, _ := site.Maintenance(); on || site.IsHeld() {
			t.Fatal("a new site is in maintenance")
		}
		site.SetMaintenance(0)
		time.Sleep(1000 * time.Hour)
		if on, left := site.Maintenance(); !on || left != 0 {
			t.Errorf("without an end: got %v with %v left, want on and 0", on, left)
		}
		began := h.List()[0].MaintenanceSince
		site.SetMaintenance(10 * time.Minute)
		time.Sleep(4 * time.Minute)
		if on, left := site.Maintenance(); !on || left != 6*time.Minute {
			t.Errorf("with an end: got %v with %v left, want on and 6m0s", on, left)
		}
		if info := h.List()[0]; info.MaintenanceSince != began {
			t.Errorf("since: got %v, want %v: the second order has not begun another maintenance", info.MaintenanceSince, began)
		}
		time.Sleep(6 * time.Minute)
		if on, _ := site.Maintenance(); on || site.IsHeld() {
			t.Error("after its end: still on")
		}
		if list := h.List(); list != nil {
			t.Errorf("after its end: got %v, want nothing", list)
		}
		site.SetMaintenance(time.Minute)
		if _, was := site.EndMaintenance(); !was || site.IsHeld() {
			t.Error("an order to end it: want it ended")
		}
		if _, was := site.EndMaintenance(); was {
			t.Error("a second order to end it: want none to end")
		}
	})
}

func TestRequestsWaitForTheEndOfAPause(t *testing.T) {
	for _, test := range []struct {
		name  string
		end   func(h *Holds, site *Site)
		want  Outcome
		after time.Duration
		// expires reports whether the pause ends because its time is over, and remains whether an order is left.
		expires, remains bool
	}{
		{"it is resumed", func(_ *Holds, site *Site) { time.Sleep(time.Second); site.Resume() }, GoesOn, time.Second, false, false},
		{"its time is over", func(*Holds, *Site) {}, GoesOn, 30 * time.Second, true, false},
		{"the process ends", func(h *Holds, _ *Site) { time.Sleep(time.Second); h.Close() }, Refused, time.Second, false, false},
		{"it is made longer", func(_ *Holds, site *Site) { time.Sleep(20 * time.Second); site.Pause(30 * time.Second) }, GoesOn, 50 * time.Second, true, false},
		{"it is made shorter", func(_ *Holds, site *Site) { time.Sleep(time.Second); site.Pause(time.Second) }, GoesOn, 2 * time.Second, true, false},
		{"maintenance begins and ends meanwhile", func(_ *Holds, site *Site) { site.SetMaintenance(0); site.EndMaintenance() }, GoesOn, 30 * time.Second, true, false},
		{"maintenance goes on", func(_ *Holds, site *Site) { site.SetMaintenance(0); site.Resume() }, GoesOn, 0, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(time.Now)
				expired := 0
				h.Expired = func(info Info) { expired += info.Waiting }
				site := h.Site("a.test")
				site.Pause(30 * time.Second)
				began := time.Now()
				done := make(chan Outcome)
				go func() { done <- site.Wait(clientNumber(1), nil) }()
				synctest.Wait()
				if info := h.List()[0]; !info.Paused || info.Waiting != 1 || h.Waiting() != 1 {
					t.Errorf("while it waits: got %+v, want one request that waits", info)
				}
				test.end(h, site)
				if got := <-done; got != test.want || time.Since(began) != test.after {
					t.Errorf("got %v after %v, want %v after %v", got, time.Since(began), test.want, test.after)
				}
				synctest.Wait()
				if site.IsHeld() != test.remains || h.Waiting() != 0 {
					t.Errorf("at the end: held %v and %d waiting, want %v and none", site.IsHeld(), h.Waiting(), test.remains)
				}
				if (expired == 1) != test.expires {
					t.Errorf("Expired was called for %d requests, want that: %v", expired, test.expires)
				}
				site.Resume()
				h.Close()
			})
		})
	}
}

func TestARequestThatIsGivenUpLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(time.Now)
		site := h.Site("a.test")
		site.Pause(time.Minute)
		done := make(chan struct{})
		result := make(chan Outcome)
		go func() { result <- site.Wait(clientNumber(1), done) }()
		synctest.Wait()
		close(done)
		if got := <-result; got != GaveUp || h.Waiting() != 0 || len(h.clients) != 0 {
			t.Errorf("got %v with %d waiting, want GaveUp and none", got, h.Waiting())
		}
		site.Resume()
	})
}

func TestOneClientTakesAQuarterOfThePlacesAndAllTakeThemAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(time.Now)
		site := h.Site("a.test")
		site.Pause(time.Minute)
		var waiting sync.WaitGroup
		outcomes := make(chan Outcome, 10*MaxWaiting)
		wait := func(client int) { waiting.Go(func() { outcomes <- site.Wait(clientNumber(client), nil) }) }
		for range MaxWaitingPerClient {
			wait(0)
		}
		synctest.Wait()
		if got := site.Wait(clientNumber(0), nil); got != Full {
			t.Errorf("one more of the same client: got %v, want Full", got)
		}
		for i := range MaxWaiting - MaxWaitingPerClient {
			wait(1 + i)
		}
		synctest.Wait()
		if got := site.Wait(clientNumber(5000), nil); got != Full {
			t.Errorf("one more of another client: got %v, want Full", got)
		}
		if got := h.Site("b.test").Wait(clientNumber(0), nil); got != GoesOn {
			t.Errorf("at a site that is not paused: got %v, want GoesOn", got)
		}
		if info, was := site.Resume(); !was || info.Waiting != MaxWaiting {
			t.Errorf("resume: got %+v, want %d that waited", info, MaxWaiting)
		}
		waiting.Wait()
		close(outcomes)
		for got := range outcomes {
			if got != GoesOn {
				t.Fatalf("got %v, want all to go on", got)
			}
		}
	})
}

// TestManyPausedSitesShareThePlaces pauses many sites: one client gets no more places than at one of them, and all clients no
// more than at two.
func TestManyPausedSitesShareThePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(time.Now)
		var waiting sync.WaitGroup
		sites := make([]*Site, 5)
		for i := range sites {
			sites[i] = h.Site(fmt.Sprintf("%d.test", i))
			sites[i].Pause(time.Minute)
			for n := range MaxWaiting {
				waiting.Go(func() { sites[i].Wait(clientNumber(0), nil) })
				waiting.Go(func() { sites[i].Wait(clientNumber(1+n), nil) })
			}
			synctest.Wait()
			if i == 0 && h.clients[clientNumber(0)] != MaxWaitingPerClient {
				t.Errorf("%d requests of one client wait, want %d", h.clients[clientNumber(0)], MaxWaitingPerClient)
			}
		}
		if got := h.Waiting(); got != MaxWaitingTogether {
			t.Errorf("%d requests wait at all sites, want %d", got, MaxWaitingTogether)
		}
		if got := h.clients[clientNumber(0)]; got != MaxWaitingPerClient {
			t.Errorf("%d requests of one client wait at all sites, want %d", got, MaxWaitingPerClient)
		}
		if got := sites[4].Wait(clientNumber(5000), nil); got != Full {
			t.Errorf("one more at a site where nobody waits: got %v, want Full", got)
		}
		sites[0].Resume()
		synctest.Wait()
		waiting.Go(func() { sites[4].Wait(clientNumber(5000), nil) })
		synctest.Wait()
		if got := sites[4].Info().Waiting; got != 1 {
			t.Errorf("%d requests wait at the last site after the first was resumed, want 1", got)
		}
		for _, site := range sites {
			site.Resume()
		}
		waiting.Wait()
		if h.Waiting() != 0 || len(h.clients) != 0 {
			t.Errorf("at the end %d requests of %d clients wait, want none", h.Waiting(), len(h.clients))
		}
	})
}

func TestOrdersOutliveReloadsThatDropTheSite(t *testing.T) {
	h := New(time.Now)
	h.Site("held.test").SetMaintenance(0)
	h.Site("gone.test")
	h.Site("stays.test")
	h.Keep(map[string]bool{"stays.test": true})
	if len(h.sites) != 2 || !h.Has("held.test") || h.Has("stays.test") {
		t.Errorf("got %v, want the site that is held and the one that stays", h.sites)
	}
}

func TestNoPauseBeginsAfterTheEndAndMaintenanceGoesOn(t *testing.T) {
	h := New(time.Now)
	site := h.Site("a.test")
	site.SetMaintenance(0)
	h.Close()
	site.Pause(time.Hour)
	if info := h.List()[0]; !info.Maintenance || info.Paused {
		t.Errorf("got %+v, want only the maintenance", info)
	}
}

func TestTheListIsInTheOrderOfTheHosts(t *testing.T) {
	h := New(time.Now)
	for _, host := range []string{"c", "a", "b"} {
		h.Site(host).SetMaintenance(0)
	}
	var hosts []string
	for _, info := range h.List() {
		hosts = append(hosts, info.Host)
	}
	if got := fmt.Sprint(hosts); got != "[a b c]" {
		t.Errorf("got %s", got)
	}
}
