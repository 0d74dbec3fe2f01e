package proxy

import (
	"net"
	"net/http"
	"sync/atomic"
)

// connTracker counts the client connections of all listeners, for `status` (S-10.1).
type connTracker struct{ open atomic.Int64 }

// changed is the ConnState hook of every server that clients can reach.
func (t *connTracker) changed(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		t.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		t.open.Add(-1)
	}
}
