package proxy

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// healthMaxConns bounds the connections of the health port, which count neither as clients nor against max_connections. Their
// descriptors are among config.spareDescriptors.
const healthMaxConns = 16

// healthConns holds the open connections of the health port. A connection beyond the bound closes the oldest one of the
// address that holds most: a check or a scrape takes milliseconds, and a client that holds a connection for longer has had
// its time.
type healthConns struct {
	mu sync.Mutex
	// open is sorted from the oldest to the newest.
	open []*healthConn
}

// changed is the ConnState hook of the port's server.
func (h *healthConns) changed(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*healthConn)
	if !ok {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch state {
	case http.StateNew:
		h.open = append(h.open, c)
		if len(h.open) > healthMaxConns {
			surplus := h.surplus()
			h.open[surplus].cut()
			h.open = slices.Delete(h.open, surplus, surplus+1)
		}
	case http.StateClosed, http.StateHijacked:
		h.open = slices.DeleteFunc(h.open, func(open *healthConn) bool { return open == c })
	}
}

// surplus returns the index of the connection to close. The caller holds mu.
func (h *healthConns) surplus() (oldest int) {
	held := map[string]int{}
	for _, conn := range h.open {
		held[clientIP(conn.RemoteAddr())]++
	}
	most := 0
	for i, conn := range h.open {
		if n := held[clientIP(conn.RemoteAddr())]; n > most {
			oldest, most = i, n
		}
	}
	return oldest
}
