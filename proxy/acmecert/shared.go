package acmecert

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/clock"
	"reverse-proxy/proxy/eventlog"
)

// leasePoll is the time between two tries to take a lease that another machine holds.
const leasePoll = 250 * time.Millisecond

// offerPause is the time between two tries to offer a certificate while another machine holds its lease.
const offerPause = time.Second

// The kinds of values in the store.
const (
	certificateKind = "certificate"
	refusalKind     = "refusal"
	challengeKind   = "challenge"
	accountKind     = "account"
	orderKind       = "order" // a lease, and an unfinished order
)

// shared is what a Manager shares with other machines (S-20.5). The cache directory holds this machine's copy.
type shared struct {
	store *certstore.Store
	// scope identifies the CA, and profile the CA with the profile. They are part of the names in the store, so that
	// machines with different settings do not use each other's values.
	scope, profile string
	// syncing compares all certificates with those of the store.
	syncing rerun

	mu sync.Mutex
	// challenges are the answers to the challenges of other machines, by name.
	challenges map[string]remoteChallenge
}

func newShared(store *certstore.Store, cfg settings) *shared {
	if store == nil {
		return nil
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:8])
	}
	return &shared{store: store, scope: hash(cfg.Directory), profile: hash(cfg.Directory + "\n" + cfg.Profile), challenges: map[string]remoteChallenge{}}
}

// nameOf returns the name of a value in the store.
func (s *shared) nameOf(kind, domain string) string {
	if kind == certificateKind {
		return kind + "/" + s.profile + "/" + domain
	}
	return kind + "/" + s.scope + "/" + domain
}

// take takes a lease. If another machine holds it, take calls waits once with that machine and waits.
func (s *shared) take(ctx context.Context, name string, waits func(machine string)) (*certstore.Lease, error) {
	for began, told := time.Now(), false; ; {
		lease, err := s.store.Lease(ctx, name)
		var leased certstore.LeasedError
		if !errors.As(err, &leased) {
			return lease, err
		}
		if !told {
			waits(leased.Holder)
		}
		told = true
		if time.Since(began) > lockPatience {
			return nil, fmt.Errorf("%s has ordered for %s; see what it waits for", leased.Holder, lockPatience)
		}
		if !clock.Sleep(ctx, leasePoll) {
			return nil, context.Cause(ctx)
		}
	}
}

// leaseFor takes the lease of a name, or of the account. Without a store it returns nil and no error.
func (m *Manager) leaseFor(ctx context.Context, kind, domain string) (*certstore.Lease, error) {
	if m.shared == nil {
		return nil, nil
	}
	return m.shared.take(ctx, m.shared.nameOf(kind, domain), func(machine string) {
		m.log.Log(eventlog.LevelInfo, "ACME_WAITING", eventlog.Str("domain", domain), m.directory(), eventlog.Str("machine", machine))
	})
}

// mayOrderAlone reports whether to renew a certificate while the store is away or the cache has no locks. Other
// machines or processes may then order it too, so it is allowed only after half of the time for the renewal has
// passed. It is allowed at once if the CA wants the certificate renewed early and its window is over, as before a
// mass revocation.
func (m *Manager) mayOrderAlone(d *domain) bool {
	certificate := d.certificate()
	if certificate == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); d.suggested.Certificate != "" && now.After(d.suggested.End) && now.Before(d.renewAt) {
		return true
	}
	end := certificate.Leaf.NotAfter
	return time.Until(end) < end.Sub(d.renewAt)/2
}

// storeAway returns the outcome of an attempt that was skipped because the store is away.
func (m *Manager) storeAway(d *domain, err error) outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.storeAway = true
	return outcome{local: true, err: fmt.Errorf("%w; another machine may be ordering the certificate, so it is not ordered here until the store answers", err)}
}

// fetch returns the certificate that the store has for a name, or nil if it has none that can be used. It returns an
// error if the store, which may have one, cannot be read.
func (m *Manager) fetch(ctx context.Context, d *domain) (*tls.Certificate, error) {
	name := m.shared.nameOf(certificateKind, d.name)
	data, err := m.shared.store.Get(ctx, name)
	switch {
	case errors.Is(err, certstore.ErrAway):
		return nil, err
	case err != nil:
		m.logUnreadable(name, err)
		return nil, nil
	}
	certificate, note, err := parseCached(data, d.name, time.Now())
	if err != nil || certificate == nil {
		m.logUnusable(name, errors.Join(err, errors.New(note)))
		return nil, nil
	}
	return certificate, nil
}

// logUnreadable logs an error that means that a value in the store cannot be decrypted. It does not log a missing
// value.
func (m *Manager) logUnreadable(name string, err error) {
	var unreadable certstore.UnreadableError
	if errors.As(err, &unreadable) {
		m.logUnusable(name, err)
	}
}

func (m *Manager) logUnusable(name string, err error) {
	m.log.Repeating(eventlog.LevelWarn, "store_value "+name, "STORE_VALUE", eventlog.Str("value", name), eventlog.Str("error", clipText(err.Error(), maxTextBytes)))
}

// fetchNewer returns, as the outcome of an attempt, a certificate in the store that is newer than the current one.
// done is false if there is none. err is set if the store cannot be read. The caller holds the turn of the name.
func (m *Manager) fetchNewer(ctx context.Context, d *domain) (o outcome, done bool, err error) {
	if m.shared == nil {
		return o, false, nil
	}
	certificate, err := m.fetch(ctx, d)
	if certificate == nil {
		return o, false, err
	}
	current := d.certificate()
	if current == nil { // the cache, not read yet, may have a newer one
		current, _, _ = loadCertificate(ctx, m.cache, d.name, time.Now())
	}
	if !replaces(certificate, current, d.replaced.Load()) {
		return o, false, nil
	}
	return outcome{certificate: certificate, origin: foundStore, saveErr: m.save(ctx, d, certificate)}, true, nil
}

// fetchMissing gets certificates from the store for names that have none, and returns the names still without one.
func (m *Manager) fetchMissing(ctx context.Context, names []*domain) (missing []*domain) {
	if m.shared == nil {
		return names
	}
	for _, d := range names {
		if !m.takeShared(ctx, d) && d.certificate() == nil {
			missing = append(missing, d)
		}
	}
	return missing
}

// takeShared starts to use the certificate in the store if it is newer than the current one, and reports whether it
// is.
func (m *Manager) takeShared(ctx context.Context, d *domain) bool {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return false
	}
	o, done, _ := m.fetchNewer(ctx, d)
	if !done {
		return false
	}
	event := "ACME_RENEWED"
	if d.certificate() == nil {
		event = "ACME_PROVISION"
	}
	m.succeed(ctx, d, o)
	m.log.Log(eventlog.LevelInfo, event, m.describe(d, o.certificate, foundStore)...)
	m.rouse()
	return true
}

// share writes the outcome of an attempt to the store for the other machines. It only logs failures: after the next
// connection, sync writes what is missing.
func (m *Manager) share(ctx context.Context, lease *certstore.Lease, d *domain, o outcome, refusedBefore bool) {
	if lease == nil {
		return
	}
	var err error
	switch {
	case o.err == nil:
		if err = m.push(ctx, lease, d, o.certificate); err == nil {
			m.forgetShared(ctx, lease, d)
		}
		if err == nil && refusedBefore {
			err = lease.Delete(ctx, m.shared.nameOf(refusalKind, d.name))
		}
	case o.refused:
		err = m.shareRefusal(ctx, lease, d.name)
	case o.general() && o.retryAfter > 0:
		err = m.shareRefusal(ctx, lease, "")
	}
	if err != nil && ctx.Err() == nil {
		m.warn(d, "the store cannot be written: "+err.Error())
	}
}

// push writes a certificate to the store, unless the store has it or a newer one.
func (m *Manager) push(ctx context.Context, lease *certstore.Lease, d *domain, certificate *tls.Certificate) error {
	there, err := m.fetch(ctx, d)
	if err != nil || !replaces(certificate, there, nil) {
		return err
	}
	data, err := encodeCertificate(certificate)
	if err != nil {
		return err
	}
	return lease.Put(ctx, m.shared.nameOf(certificateKind, d.name), data)
}

// shareRefusal writes what this machine remembers about a refusal.
func (m *Manager) shareRefusal(ctx context.Context, lease *certstore.Lease, domain string) error {
	r, ok := m.refusals.get(m.cfg.Directory, domain)
	if !ok {
		return nil
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return lease.Put(ctx, m.shared.nameOf(refusalKind, domain), data)
}

// learnRefusals reads the CA's refusals of a name on other machines, and the waits it demanded there for all names.
func (m *Manager) learnRefusals(ctx context.Context, domain string) {
	for _, about := range []string{domain, ""} {
		name := m.shared.nameOf(refusalKind, about)
		data, err := m.shared.store.Get(ctx, name)
		if err != nil {
			m.logUnreadable(name, err)
			continue
		}
		var r refusal
		if err := json.Unmarshal(data, &r); err != nil || !r.possible() || r.Directory != m.cfg.Directory || r.Domain != about {
			m.logUnusable(name, errors.New("it is not a refusal"))
			continue
		}
		if own, ok := m.refusals.get(r.Directory, r.Domain); ok && !r.LastAttempt.After(own.LastAttempt) {
			continue
		}
		if err := m.refusals.learn(ctx, r); err != nil {
			m.log.Log(eventlog.LevelWarn, "ACME_ERROR", m.directory(), eventlog.Str("error", "the refusals cannot be written: "+err.Error()))
		}
	}
}

// sync compares this machine's certificates with those in the store, after the store was away or emptied. For each
// name, the newer certificate replaces the older.
func (m *Manager) sync(ctx context.Context) {
	m.untilCompared(ctx, m.all()...)
}

// takeUncompared returns the names whose certificates a start or a reload has loaded from the cache since the last
// call. The comparison after the connection to the store may have missed them.
func (m *Manager) takeUncompared() (names []*domain) {
	if m.shared == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.domains {
		if d.uncompared {
			d.uncompared = false
			names = append(names, d)
		}
	}
	return names
}

// untilCompared compares certificates with the store. If another machine holds a name's lease, it tries the name
// again later: that machine may write a newer certificate, or end without writing one. It returns early if ctx ends
// or the store goes away; the next connection to the store compares all names.
func (m *Manager) untilCompared(ctx context.Context, names ...*domain) {
	for len(names) > 0 {
		var leased []*domain
		for _, d := range names {
			if ctx.Err() != nil || !m.shared.store.State().Up {
				return
			}
			if !m.compare(ctx, d) {
				leased = append(leased, d)
			}
			m.mu.Lock()
			if d.storeAway {
				d.storeAway, d.retryAt, d.localFailures = false, time.Time{}, 0
			}
			m.mu.Unlock()
		}
		m.rouse()
		if names = leased; len(names) > 0 && !clock.Sleep(ctx, offerPause) {
			return
		}
	}
}

// compare takes the certificate from the store or writes this machine's there, whichever is newer. It reports whether
// the name needs no further try.
func (m *Manager) compare(ctx context.Context, d *domain) (done bool) {
	return m.takeShared(ctx, d) || m.offer(ctx, d)
}

// offer writes this machine's certificate to a store that has none or an older one. It reports false if another
// machine holds the lease of the name, or may have taken it before the write.
func (m *Manager) offer(ctx context.Context, d *domain) (done bool) {
	certificate := d.certificate()
	if certificate == nil || time.Now().After(certificate.Leaf.NotAfter) {
		return true
	}
	if there, err := m.fetch(ctx, d); err != nil || there != nil && (d.wants(there) || there.Leaf.Equal(certificate.Leaf)) {
		return true // if the store is away, its next connection compares all names
	}
	lease, err := m.shared.store.Lease(ctx, m.shared.nameOf(orderKind, d.name))
	if err != nil {
		_, leased := errors.AsType[certstore.LeasedError](err)
		return !leased
	}
	defer lease.Release()
	if err := m.push(ctx, lease, d, certificate); err != nil && ctx.Err() == nil {
		m.warn(d, "the store cannot be written: "+err.Error())
		return !errors.Is(err, certstore.ErrLost)
	}
	return true
}

// changed reads a value that was written, by another machine or by this one.
func (m *Manager) changed(ctx context.Context, name string, background *sync.WaitGroup) {
	kind, rest, _ := strings.Cut(name, "/")
	scope, domain, _ := strings.Cut(rest, "/")
	switch {
	case kind == certificateKind && scope == m.shared.profile:
		m.mu.Lock()
		d := m.domains[domain]
		m.mu.Unlock()
		if d != nil { // in the background, because it may wait for an attempt that holds the turn
			d.comparing.start(background, func() { m.untilCompared(ctx, d) })
		}
	case kind == challengeKind && scope == m.shared.scope:
		m.learnChallenge(ctx, domain)
	}
}

// isMiss reports whether the store has no usable value.
func isMiss(err error) bool { return errors.Is(err, autocert.ErrCacheMiss) }
