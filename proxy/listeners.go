package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"reverse-proxy/proxy/acmecert"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/systemd"
)

// listeners are all `[[listeners]]` entries of the running configuration, in its order.
type listeners []*listener

// bindListeners binds every port of every listener (step 6), or none. It uses the sockets that systemd has passed.
func bindListeners(cfg *config.Config, sockets systemd.Sockets) (all listeners, err error) {
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	for i, config := range cfg.Listeners {
		l, err := bindListener(i, config, sockets, cfg.HeaderTimeout)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	return all, nil
}

// close closes every socket.
func (all listeners) close() {
	for _, l := range all {
		l.close()
	}
}

// loadTLS loads the certificates of every listener (step 7). Those that need no CA come first, so that a bad file is
// found before a CA is asked. Then all ACME listeners obtain their certificates at the same time. They already accept
// connections, but answer only the CA's validations (S-4.3). loadTLS returns when ctx ends, even if a disk hangs.
// sourced is called once every listener has its source.
func (all listeners) loadTLS(ctx context.Context, cfg *config.Config, dynamic *DynamicConfig, p *pipeline, shared *sharedState, orders *orders, sourced func()) error {
	var errs []error
	managers := acmecert.NewManagers(shared.log, shared.responders.records())
	store, err := clock.Within(ctx, func() (*machineStore, error) { return openStore(cfg.Store, managers, shared.log) })
	if err != nil {
		return err
	}
	for _, l := range all {
		source, err := clock.Within(ctx, func() (cert.Source, error) { return newCertSource(l, dynamic, managers) })
		if err != nil {
			errs = append(errs, err)
		}
		l.source = source
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	shared.store = store
	sourced()
	store.start(ctx)
	provisioned := make(chan error, len(all))
	pending := 0
	for _, l := range all {
		if l.source.AsksCA() {
			l.startServing(cfg, p, shared)
			pending++
			go func() { provisioned <- l.source.Provision(ctx, orders) }()
		}
	}
	if pending > 0 {
		orders.notify.Status("obtaining certificates")
		stopExtending := keepExtending(orders.notify)
		defer stopExtending()
		defer orders.end()
	}
	for range pending {
		if err := <-provisioned; err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newCertSource returns the source of a listener's certificates, and loads those that are files.
func newCertSource(l *listener, dynamic *DynamicConfig, managers *acmecert.Managers) (cert.Source, error) {
	key := config.IndexKey("listeners", l.index)
	switch l.config.TLS.Mode {
	case config.TLSModeACME:
		return managers.Source(key, l.address(), l.config.TLS, l.hasRedirect())
	case config.TLSModeManual:
		return cert.NewManual(config.ChildKey(key, "tls"), l.address(), l.config.TLS.Certificates)
	case config.TLSModeSelfSigned:
		return cert.NewSelfSigned(l.address(), dynamic.sites.hosts(l.index))
	}
	return nil, fmt.Errorf("%s.tls.mode: %q is not a mode; validation should have refused it", key, l.config.TLS.Mode)
}

// Times of the messages that keep systemd from ending a start that waits for a CA (S-4.5).
const (
	extendEvery = 10 * time.Second
	extendBy    = 30 * time.Second
)

// keepExtending asks systemd for more time until the returned function is called.
func keepExtending(notify *systemd.Notifier) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(extendEvery)
		defer ticker.Stop()
		for {
			notify.ExtendTimeout(extendBy)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// serve starts accepting on every socket and opens the gates (step 8). First it checks whether the remaining
// descriptors cover the connections that will be accepted (S-2.22), because everything else is open by then.
func (all listeners) serve(cfg *config.Config, p *pipeline, shared *sharedState) error {
	if err := checkDescriptors(cfg); err != nil {
		return err
	}
	for _, l := range all {
		if l.sites == nil {
			l.startServing(cfg, p, shared)
		}
	}
	for _, l := range all {
		l.gate.open()
	}
	return nil
}

// checkDescriptors compares the free descriptors with those that max_connections can need: one for each client, and one
// for its upstream. Validation can only estimate what else is open; here it is known.
func checkDescriptors(cfg *config.Config) error {
	open := descriptorUsage()
	if needed := open.Used + 2*cfg.MaxConnections; needed > open.Allowed {
		return fmt.Errorf("max_connections: %d connections and their upstreams need %d descriptors with the %d open already, and the limit is %d; raise LimitNOFILE (ulimit -n) or lower max_connections",
			cfg.MaxConnections, needed, open.Used, open.Allowed)
	}
	return nil
}

// drain stops accepting everywhere and lets requests in flight end (S-11.1). It does not wait. The connections learn of
// the drain before the ports close: a response after a port has closed says that its connection ends.
func (all listeners) drain() {
	for _, l := range all {
		for _, server := range []*siteServer{l.sites, l.redirects} {
			if server != nil {
				server.shutdown()
			}
		}
	}
	all.close()
}
