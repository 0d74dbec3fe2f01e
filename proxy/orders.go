package proxy

import (
	"fmt"
	"slices"
	"sync"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/systemd"
)

// orders is the progress of the certificate orders that a start or a reload waits for, for `status` and for the service
// manager.
type orders struct {
	notify *systemd.Notifier

	mu sync.Mutex
	// names are all names in the order of Begin, and ended those whose order has ended, in the order of Done. done
	// reports for each name whether its order has ended.
	names, ended []string
	done         map[string]bool
}

// Begin implements cert.Progress. Several listeners may call it.
func (o *orders) Begin(names []string) {
	o.mu.Lock()
	if o.done == nil {
		o.done = make(map[string]bool, len(names))
	}
	for _, name := range names {
		if _, known := o.done[name]; !known {
			o.done[name] = false
			o.names = append(o.names, name)
		}
	}
	o.mu.Unlock()
	o.tell()
}

// Done implements cert.Progress. Names that are not waited for are ignored.
func (o *orders) Done(name string) {
	o.mu.Lock()
	if done, known := o.done[name]; known && !done {
		o.done[name] = true
		o.ended = append(o.ended, name)
	}
	o.mu.Unlock()
	o.tell()
}

// end forgets the names.
func (o *orders) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names, o.ended, o.done = nil, nil, nil
}

// tell reports the progress to the service manager.
func (o *orders) tell() {
	o.mu.Lock()
	ended, all := len(o.ended), len(o.names)
	o.mu.Unlock()
	if all > 0 {
		o.notify.Status(fmt.Sprintf("obtaining certificates: %d of %d", ended, all))
	}
}

// status describes the orders under way; nil if there are none.
func (o *orders) status() *admin.OrdersStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.names) == 0 {
		return nil
	}
	waiting := slices.DeleteFunc(slices.Clone(o.names), func(name string) bool { return o.done[name] })
	return &admin.OrdersStatus{Done: slices.Clone(o.ended), Waiting: waiting}
}
