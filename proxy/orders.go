package proxy

import (
	"fmt"
	"slices"
	"sync"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/systemd"
)

// orders is the progress of the orders that a start or a reload waits for, for `status` and for the service manager.
type orders struct {
	notify *systemd.Notifier

	mu      sync.Mutex
	waiting []string
	ended   []string
}

// Begin implements cert.Progress. Several listeners may call it.
func (o *orders) Begin(names []string) {
	o.mu.Lock()
	for _, name := range names {
		if !slices.Contains(o.waiting, name) && !slices.Contains(o.ended, name) {
			o.waiting = append(o.waiting, name)
		}
	}
	o.mu.Unlock()
	o.tell()
}

// Done implements cert.Progress. Names that are not waited for are ignored.
func (o *orders) Done(name string) {
	o.mu.Lock()
	if i := slices.Index(o.waiting, name); i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
		o.ended = append(o.ended, name)
	}
	o.mu.Unlock()
	o.tell()
}

// end forgets the names.
func (o *orders) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting, o.ended = nil, nil
}

// tell reports the progress to the service manager.
func (o *orders) tell() {
	if s := o.status(); s != nil {
		o.notify.Status(fmt.Sprintf("obtaining certificates: %d of %d", len(s.Done), len(s.Done)+len(s.Waiting)))
	}
}

// status describes the orders under way; nil if there are none.
func (o *orders) status() *admin.OrdersStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting)+len(o.ended) == 0 {
		return nil
	}
	return &admin.OrdersStatus{Done: slices.Clone(o.ended), Waiting: slices.Clone(o.waiting)}
}
