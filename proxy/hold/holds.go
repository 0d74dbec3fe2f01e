package hold

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"reverse-proxy/proxy/limit"
)

// Holds are the orders for all sites.
type Holds struct {
	now func() time.Time
	// Expired is called when the time of a pause is over, and describes the site just before that. It may be nil, and must be
	// set before the first order.
	Expired func(Info)

	mu     sync.Mutex
	sites  map[string]*Site
	closed bool
	// waiting is the number of requests that wait at all sites, and clients the number of each client's.
	waiting int
	clients map[limit.Key]int
}

// New returns Holds without orders. They read the time from now, which is time.Now except in tests.
func New(now func() time.Time) *Holds {
	return &Holds{now: now, sites: map[string]*Site{}, clients: map[limit.Key]int{}}
}

// Site returns the orders for the site with a host, the same ones over reloads.
func (h *Holds) Site(host string) *Site {
	h.mu.Lock()
	defer h.mu.Unlock()
	site := h.sites[host]
	if site == nil {
		site = &Site{of: h, host: host}
		h.sites[host] = site
	}
	return site
}

// Keep forgets the sites that a new configuration does not have, unless there is an order for them: they may come back.
func (h *Holds) Keep(hosts map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for host, site := range h.sites {
		if !hosts[host] && site.current(h.now()) == nil && site.waiting == 0 {
			delete(h.sites, host)
		}
	}
}

// Info describes the orders for one site.
type Info struct {
	// Host is the site's host.
	Host string
	// Maintenance reports whether the site is in maintenance: since when, and until when, zero for no end.
	Maintenance        bool
	MaintenanceSince   time.Time
	MaintenanceExpires time.Time
	// Paused reports whether the site is paused: since when, and until when at most.
	Paused       bool
	PausedSince  time.Time
	PauseExpires time.Time
	// Waiting is the number of requests that wait for the end of the pause.
	Waiting int
}

// List describes the sites for which there are orders, by host.
func (h *Holds) List() []Info {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Info
	for _, site := range h.sites {
		if site.current(h.now()) != nil {
			list = append(list, site.info())
		}
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Host, b.Host) })
	return list
}

// Has reports whether there is an order for the site with a host.
func (h *Holds) Has(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	site := h.sites[host]
	return site != nil && site.current(h.now()) != nil
}

// Close ends all pauses for good: requests that wait are refused, and no others begin to.
func (h *Holds) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, site := range h.sites {
		site.endPause(false)
	}
}
