package acmecert

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/acmedns"
	"reverse-proxy/proxy/cert"
	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// maxAtOnce is the number of names of one Manager that are ordered at the same time (S-5.8).
const maxAtOnce = 8

// settings are what the listeners of a Manager have in common.
type settings struct {
	Directory string
	Profile   string
}

// Managers holds the Manager of each cache directory: listeners that share one share their certificates (S-2.24).
type Managers struct {
	log        *eventlog.Logger
	responders Responders
	byDir      map[string]*Manager
	// store is shared with other machines; nil without one. background are the tasks that its changes start.
	store      *certstore.Store
	background sync.WaitGroup
}

// NewManagers returns an empty set. responders are those of this machine, for DNS-01.
func NewManagers(log *eventlog.Logger, responders Responders) *Managers {
	return &Managers{log: log, responders: responders, byDir: map[string]*Manager{}}
}

// Share makes the Managers created later use a store. The owner of the store calls Changed and Synced once all
// Managers exist, and Wait after the store has ended.
func (all *Managers) Share(store *certstore.Store) { all.store = store }

// Changed reads a value that has changed in the store.
func (all *Managers) Changed(ctx context.Context, name string) {
	for _, m := range all.byDir {
		m.changed(ctx, name, &all.background)
	}
}

// Synced compares the certificates of this machine with a store that was just connected to.
func (all *Managers) Synced(ctx context.Context) {
	for _, m := range all.byDir {
		m.shared.syncing.start(&all.background, func() { m.sync(ctx) })
	}
}

// Wait waits for the tasks that Changed and Synced have started. They end with their contexts.
func (all *Managers) Wait() { all.background.Wait() }

// Manager holds the certificates of one cache directory; it orders and renews them. Handshakes read them from memory
// and change nothing.
type Manager struct {
	cfg   settings
	log   *eventlog.Logger
	base  *http.Transport
	cache autocert.Cache
	ca    *authority
	// solver answers DNS-01 challenges; nil without DNS-01. records are those of this machine's responder; nil if it
	// has none.
	solver  *acmedns.Solver
	records *acmedns.Records
	// httpChallenges reports whether a redirect port answers HTTPChallenge.
	httpChallenges atomic.Bool
	refusals       *refusals
	suggestions    *suggestions
	// shared is the store as this Manager uses it; nil without one.
	shared *shared
	// disk has the cache directory. Its locks keep other processes with the same directory from ordering at the same time.
	disk *disk
	// lookEvery is how often the cache is searched for certificates that other processes have renewed; 0 for never.
	lookEvery time.Duration
	// dirInode identifies the cache directory as last seen; 0 if it was removed. Only lookForRenewed uses it.
	dirInode uint64

	// obtain makes one attempt, and suggest asks for renewal information; tests of the schedule replace them.
	obtain  func(ctx context.Context, d *domain) outcome
	suggest func(ctx context.Context, certificate *tls.Certificate) (acme.RenewalInfo, time.Duration, error)
	// attempts counts the attempts by outcome.
	attempts [len(cert.Attempts{})]atomic.Uint64
	// slots bounds the number of attempts at the same time.
	slots chan struct{}
	// runs ensures that only one of the sources runs the schedule.
	runs sync.Once
	// asked reports whether the CA was contacted for an order.
	asked atomic.Bool
	// wake interrupts the schedule's sleep after names have been added.
	wake chan struct{}

	// mu guards the fields below and the scheduling fields of all domains. Handshakes and `status` take it, so it is
	// not held during I/O.
	mu      sync.Mutex
	sources []*Source
	domains map[string]*domain
	outage  outage
}

// outage is a period in which all orders fail, whatever their names: the CA cannot be reached or is out of order
// (S-5.10).
type outage struct {
	// failures counts the attempts in a row that failed in this way, and since is when the last one did.
	failures int
	since    time.Time
	// demanded is the wait that the CA asked for.
	demanded time.Duration
	err      error
}

// domain is one name with its certificate.
type domain struct {
	name string
	// cert is the certificate in use, and replaced the one before it.
	cert, replaced atomic.Pointer[tls.Certificate]

	attempt atomic.Pointer[attempt]
	// turn is held during an attempt, so that there is one at a time.
	turn chan struct{}
	// comparing compares the certificate with that of the store after a change.
	comparing rerun

	// The rest is guarded by Manager.mu.

	// uncompared reports whether the certificate was loaded from the cache and has yet to be compared with that of the store.
	uncompared bool
	// renewAt is when the certificate is due for renewal by its lifetime. suggested is what the CA says about that,
	// if suggested.Certificate identifies this certificate. checkAt is when to ask the CA again.
	renewAt   time.Time
	suggested suggestion
	checkAt   time.Time
	// retryAt is the earliest time of the next try after a failure that concerns the name. localFailures counts those
	// on this machine.
	retryAt       time.Time
	localFailures int
	lastAttempt   time.Time
	lastError     string
	// unsaved is the certificate in use if it could not be written to the cache, and saveAt when to try that again.
	unsaved *tls.Certificate
	saveAt  time.Time
	// storeAway reports whether the latest attempt was skipped because the store was away.
	storeAway bool
	// lease is held by the running attempt; nil without a store.
	lease *certstore.Lease
	// found is the state of the cache file at its last reading. Only lookForRenewed uses it.
	found fileState
}

// certificate returns the certificate in use; nil if there is none.
func (d *domain) certificate() *tls.Certificate { return d.cert.Load() }

// wants reports whether to use a certificate that was found elsewhere instead of the current one, if there is one.
func (d *domain) wants(certificate *tls.Certificate) bool {
	return replaces(certificate, d.certificate(), d.replaced.Load())
}

// replaces reports whether to use a certificate instead of the current one: if there is no current one, if the
// certificate was issued later, or if it is another one that was issued at the same time. Some CAs date all certificates
// of a day to its beginning. The certificate that the current one has replaced, which may be nil, is not used again.
func replaces(certificate, current, replaced *tls.Certificate) bool {
	if current == nil {
		return true
	}
	if age := compareIssue(certificate, current); age != 0 {
		return age > 0
	}
	return !certificate.Leaf.Equal(current.Leaf) && (replaced == nil || !certificate.Leaf.Equal(replaced.Leaf))
}

// compareIssue compares when two certificates were issued: +1 if a was issued later, even if it expires sooner.
func compareIssue(a, b *tls.Certificate) int {
	return cmp.Or(a.Leaf.NotBefore.Compare(b.Leaf.NotBefore), a.Leaf.NotAfter.Compare(b.Leaf.NotAfter))
}

// manager returns the Manager of a listener's cache directory, and creates it if necessary. That prepares the
// directory and the transport to the CA, but does not contact the CA. key is the key of the listener's `tls` table.
// The error is a config.KeyError.
func (all *Managers) manager(key string, cfg config.TLS) (*Manager, error) {
	return all.managerOn(newDisk(cfg.ACMECacheDir, cfg.ACMEDirectory, all.log), key, cfg)
}

// managerOn is manager with the disk of the cache directory, on which it does not wait for ever.
func (all *Managers) managerOn(d *disk, key string, cfg config.TLS) (*Manager, error) {
	m, err := onDisk(context.Background(), d, func() (*Manager, error) { return all.open(key, cfg, d) }, nil)
	if _, hangs := errors.AsType[hangError](err); hangs {
		return nil, config.KeyError{Key: key + ".acme_cache_dir", Problem: err.Error() + "; repair it, or name a directory on another disk"}
	}
	return m, err
}

// open is the part of manager that uses the disk.
func (all *Managers) open(key string, cfg config.TLS, d *disk) (*Manager, error) {
	dir := cfg.ACMECacheDir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if m := all.byDir[dir]; m != nil {
		return m, nil
	}
	if err := prepareCacheDir(cfg.ACMECacheDir); err != nil {
		return nil, config.KeyError{Key: key + ".acme_cache_dir", Problem: err.Error()}
	}
	base, err := newBaseTransport(cfg.ACMECAPath)
	if err != nil {
		return nil, config.KeyError{Key: key + ".acme_ca_path", Problem: err.Error()}
	}
	eab, err := readEAB(cfg.ACMEEABKeyID, cfg.ACMEEABKeyFile)
	if err != nil {
		return nil, config.KeyError{Key: key + ".acme_eab_key_file", Problem: err.Error()}
	}
	solver, records, err := newSolver(key, cfg.ACMEDNS, all.responders)
	if err != nil {
		return nil, err
	}
	cache := diskCache{d}
	m := &Manager{
		cfg: settings{Directory: cfg.ACMEDirectory, Profile: cfg.ACMEProfile}, log: all.log, base: base, cache: cache, solver: solver, records: records,
		ca:   newAuthority(cfg.ACMEDirectory, cfg.ACMEContact, eab, base, cache, all.log),
		disk: d, lookEvery: lookEvery, dirInode: stateOf(cfg.ACMECacheDir).inode,
		slots: make(chan struct{}, maxAtOnce), wake: make(chan struct{}, 1), domains: map[string]*domain{},
	}
	m.ca.lock, m.shared = m.lockAccount, newShared(all.store, m.cfg)
	m.obtain, m.suggest = m.runAttempt, m.renewalInfo
	var refusalsErr, suggestionsErr error
	m.refusals, refusalsErr = loadRefusals(d)
	m.suggestions, suggestionsErr = loadSuggestions(d)
	// The start goes on without what was remembered: the CA's own limits still apply.
	for _, err := range []error{refusalsErr, suggestionsErr} {
		if err != nil {
			m.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("directory", cfg.ACMEDirectory), eventlog.Err(err))
		}
	}
	m.recallOutage()
	if dir, err = filepath.EvalSymlinks(cfg.ACMECacheDir); err != nil { // it exists only now
		dir = cfg.ACMECacheDir
	}
	all.byDir[dir] = m
	return m, nil
}

// recallOutage resumes the wait that the CA asked for before a restart.
func (m *Manager) recallOutage() {
	if r, ok := m.refusals.get(m.cfg.Directory, ""); ok && r.waiting(time.Now()) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.outage = outage{failures: max(m.outage.failures, 1), since: r.LastAttempt, demanded: r.NextTry.Sub(r.LastAttempt), err: errors.New(r.LastError)}
	}
}

// refreshRefusals reads the refusals again: before a start or a reload, the operator may have removed the file.
func (m *Manager) refreshRefusals(ctx context.Context) {
	m.refusals.refresh(ctx)
	if _, ok := m.refusals.get(m.cfg.Directory, ""); ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outage.demanded = 0
}

// renewalInfo asks the CA about the renewal of a certificate.
func (m *Manager) renewalInfo(ctx context.Context, certificate *tls.Certificate) (acme.RenewalInfo, time.Duration, error) {
	ctx, seen := withReport(ctx)
	defer seen.end(nil)
	info, holds, err := m.ca.renewalInfo(ctx, certificate.Leaf)
	m.reportClock(seen)
	return info, holds, err
}

// reportClock logs that this machine's clock differs from the CA's. By a clock that is behind, a certificate expires
// before it is due for renewal.
func (m *Manager) reportClock(seen *report, about ...eventlog.Attr) {
	if hint := clockHint(seen.skew); hint != "" {
		m.log.Repeating(eventlog.LevelWarn, "acme_clock", "ACME_ERROR", append(about, m.directory(), eventlog.Str("error", hint))...)
	}
}

// domainOf returns the domain of a name, and creates it if the name is new.
func (m *Manager) domainOf(name string) *domain {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.domains[name]
	if d == nil {
		d = &domain{name: name, turn: make(chan struct{}, 1)}
		m.domains[name] = d
	}
	return d
}

// forgetUnused drops the names that no source serves, so that they are no longer renewed (S-5.7). It keeps the given
// ones, which another listener may have dropped earlier in the same reload.
func (m *Manager) forgetUnused(keep ...*domain) {
	m.suggestions.forget(m.cfg.Directory, m.dropUnused(keep))
	m.tellResponder()
}

// dropUnused is the part of forgetUnused that needs the lock. It returns the dropped names.
func (m *Manager) dropUnused(keep []*domain) (dropped map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := map[string]bool{}
	for _, d := range keep {
		m.domains[d.name] = d
		used[d.name] = true
	}
	for _, s := range m.sources {
		for name := range s.names.Load().byName {
			used[name] = true
		}
	}
	dropped = map[string]bool{}
	for name := range m.domains {
		if !used[name] {
			delete(m.domains, name)
			dropped[name] = true
		}
	}
	return dropped
}

// save writes a certificate to the cache.
func (m *Manager) save(ctx context.Context, d *domain, certificate *tls.Certificate) error {
	data, err := encodeCertificate(certificate)
	if err != nil {
		return err
	}
	if err := m.cache.Put(ctx, cacheKey(d.name), data); err != nil {
		return fmt.Errorf("the cache cannot be written: %w", err)
	}
	return nil
}

// directory returns the field of log lines that names the CA.
func (m *Manager) directory() eventlog.Attr { return eventlog.Str("directory", m.cfg.Directory) }
