package proxy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"

	"reverse-proxy/proxy/acmecert"
	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/tickets"
	"reverse-proxy/proxy/wording"
)

// machineStore connects the daemon to the store that several machines share (S-20.5). It is nil if there is none; its methods
// then do nothing.
type machineStore struct {
	store    *certstore.Store
	managers *acmecert.Managers
	tickets  *tickets.Keys
	name     string
	log      *eventlog.Logger

	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu sync.Mutex
	// away reports whether the store could not be reached at the last change of its state.
	away bool
}

// openStore prepares the store of a configuration, or returns nil if there is none. It does not connect. The error is a
// config.KeyError.
func openStore(cfg config.Store, managers *acmecert.Managers, log *eventlog.Logger) (*machineStore, error) {
	if cfg.Address == "" {
		return nil, nil
	}
	secret, err := cfg.ReadKey()
	if err != nil {
		return nil, config.KeyError{Key: "acme.store_key_file", Problem: fmt.Sprintf("%s: %v", cfg.KeyFile, err)}
	}
	if _, err := cfg.ReadPassword(); err != nil {
		return nil, config.KeyError{Key: "acme.store_password_file", Problem: fmt.Sprintf("%s: %v", cfg.PasswordFile, err)}
	}
	roots, err := cfg.Roots()
	if err != nil {
		return nil, config.KeyError{Key: "acme.store_ca_path", Problem: fmt.Sprintf("%s: %v", cfg.CAPath, err)}
	}
	s := &machineStore{managers: managers, name: cfg.String(), log: log, stop: func() {}}
	opts := certstore.Options{
		Address: cfg.Address, Username: cfg.Username, Password: cfg.ReadPassword, Database: cfg.Database, Secret: secret,
		Machine: machineName(), Changed: s.changed, Synced: s.synced, StateChanged: s.stateChanged,
	}
	if cfg.TLS {
		host, _, _ := net.SplitHostPort(cfg.Address)
		opts.TLS = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	}
	if s.store, err = certstore.New(opts); err != nil {
		return nil, config.KeyError{Key: "acme.store_key_file", Problem: fmt.Sprintf("%s: %v", cfg.KeyFile, err)}
	}
	s.tickets = tickets.New(s.store, now, s.ticketsFailed)
	managers.Share(s.store)
	return s, nil
}

// machineName names this machine and process for people.
func machineName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " pid " + strconv.Itoa(os.Getpid())
}

// start connects, and waits until that has succeeded or failed. It must not be called before all ACME listeners have their
// sources.
func (s *machineStore) start(ctx context.Context) {
	if s == nil {
		return
	}
	running, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.tasks.Go(func() { s.store.Run(running) })
	s.store.AwaitFirst(ctx)
	s.tasks.Go(func() { s.tickets.Run(running) })
}

// close disconnects from the store.
func (s *machineStore) close() {
	if s == nil {
		return
	}
	s.stop()
	s.tasks.Wait()
	s.managers.Wait()
}

// bindTickets makes the sessions of a listener resume on all machines.
func (s *machineStore) bindTickets(port int, config *tls.Config) {
	if s != nil {
		s.tickets.Bind(strconv.Itoa(port), config)
	}
}

func (s *machineStore) changed(ctx context.Context, name string) {
	if name == tickets.Name {
		s.tickets.Load(ctx)
		return
	}
	s.managers.Changed(ctx, name)
}

func (s *machineStore) synced(ctx context.Context) {
	s.tickets.Load(ctx)
	s.managers.Synced(ctx)
}

// stateChanged logs that the store cannot be reached, repeatedly but not often, and that it can be reached again.
func (s *machineStore) stateChanged(err error) {
	s.mu.Lock()
	back := s.away && err == nil
	s.away = err != nil
	s.mu.Unlock()
	switch {
	case err != nil:
		s.log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "store", Cause: err.Error()}, "STORE_AWAY", eventlog.Str("store", s.name), eventlog.Str("error", wording.Printable(err.Error())))
	case back:
		s.log.Log(eventlog.LevelInfo, "STORE_BACK", eventlog.Str("store", s.name))
	}
}

func (s *machineStore) ticketsFailed(err error) {
	s.log.Repeating(eventlog.LevelWarn, "store_value "+tickets.Name, "STORE_VALUE", eventlog.Str("value", tickets.Name), eventlog.Str("error", wording.Printable(err.Error())))
}

// status describes the store for an operator. It returns nil if there is none.
func (s *machineStore) status() *admin.StoreStatus {
	if s == nil {
		return nil
	}
	state := s.store.State()
	status := &admin.StoreStatus{Address: s.name, Up: state.Up, Since: state.Since.UTC(), Machines: state.Machines}
	if !state.Up {
		status.Error = wording.Printable(state.Err.Error())
		status.Machines = 0
	}
	return status
}

// up reports whether the store can be used, and configured whether there is one.
func (s *machineStore) up() (up, configured bool) {
	if s == nil {
		return false, false
	}
	return s.store.State().Up, true
}
