// Package tickets shares the keys of TLS session tickets among several machines, so that a session resumes on any of them
// (S-20.5). A key is used for new tickets for a day, and accepted for a week, as crypto/tls does with its own.
//
// The package knows nothing of the daemon.
package tickets

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/clock"
)

const (
	// Name is the name of the keys in the store.
	Name = "tickets"
	// rotateEvery is how long a key is used for new tickets, and acceptFor how long its tickets are accepted.
	rotateEvery, acceptFor = 24 * time.Hour, 7 * 24 * time.Hour
	// settle is how long a new key is accepted before it is used for new tickets. After that time all machines have it, even if
	// their clocks differ by a minute.
	settle = 2 * time.Minute
	// lookEvery is how often the age of the keys is checked.
	lookEvery = time.Minute
	// maxKeys bounds the keys of a value.
	maxKeys = 16
)

// key is the secret from which the keys of all listeners are derived.
type key struct {
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

// Keys are the keys of all listeners of this machine.
type Keys struct {
	store *certstore.Store
	now   func() time.Time
	// failed is called with errors of the store, except that it is away.
	failed func(error)

	mu    sync.Mutex
	keys  []key // the newest first
	bound []listener
}

// listener is a TLS configuration with the purpose of its keys.
type listener struct {
	purpose string
	config  *tls.Config
}

// New returns keys that are shared by a store. Until it has one, each listener uses its own.
func New(store *certstore.Store, now func() time.Time, failed func(error)) *Keys {
	return &Keys{store: store, now: now, failed: failed}
}

// Bind makes a listener use the keys from now on. Each purpose has its own keys, so that the sessions of one listener do not
// resume on another.
func (k *Keys) Bind(purpose string, config *tls.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bound = append(k.bound, listener{purpose, config})
	k.apply()
}

// Load takes the keys of the store. The ones that this machine has in addition are still accepted. A store that has none,
// because it was emptied, gets those of this machine.
func (k *Keys) Load(ctx context.Context) {
	keys, err := k.read(ctx)
	switch {
	case err == nil:
		k.add(keys...)
	case errors.Is(err, errNoKeys) && k.has():
		k.publish(ctx)
	}
}

// Run replaces old keys until ctx ends. One machine does that for all.
func (k *Keys) Run(ctx context.Context) {
	for {
		k.rotate(ctx)
		k.mu.Lock()
		k.keys = k.merged(k.keys)
		k.apply() // a key may have settled
		k.mu.Unlock()
		if !clock.Sleep(ctx, lookEvery) {
			return
		}
	}
}

// rotate makes a new key if the newest is old. If the store has been away for another day, it makes one for this machine only.
func (k *Keys) rotate(ctx context.Context) {
	age := k.age()
	if age < rotateEvery {
		return
	}
	if !k.publish(ctx) && age > 2*rotateEvery && k.has() {
		k.add(k.fresh())
	}
}

// publish writes the keys of the store and of this machine to the store, with a new one if all are old. It reports whether
// the store could be asked.
func (k *Keys) publish(ctx context.Context) (asked bool) {
	lease, err := k.store.Lease(ctx, Name)
	if err != nil {
		k.fail(err)
		return false
	}
	defer lease.Release()
	keys, err := k.read(ctx)
	if err != nil && !errors.Is(err, errNoKeys) {
		k.fail(err)
		return true
	}
	k.mu.Lock()
	keys = k.merged(keys, k.keys)
	k.mu.Unlock()
	if len(keys) == 0 || k.now().Sub(keys[0].Created) >= rotateEvery {
		keys = k.merged([]key{k.fresh()}, keys)
	}
	data, err := json.Marshal(keys)
	if err == nil {
		err = lease.Put(ctx, Name, data)
	}
	if err != nil {
		k.fail(err)
		return true
	}
	k.add(keys...)
	return true
}

func (k *Keys) fail(err error) {
	var leased certstore.LeasedError
	if !errors.Is(err, certstore.ErrAway) && !errors.As(err, &leased) && k.failed != nil {
		k.failed(err)
	}
}

// add puts keys to use.
func (k *Keys) add(keys ...key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = k.merged(keys, k.keys)
	k.apply()
}

func (k *Keys) has() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.keys) > 0
}

// age returns the age of the newest key. Without a key it is that of one that is no longer accepted.
func (k *Keys) age() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		return acceptFor
	}
	return k.now().Sub(k.keys[0].Created)
}

func (k *Keys) fresh() key {
	secret := make([]byte, 32)
	rand.Read(secret)
	return key{Secret: secret, Created: k.now().UTC().Round(0)}
}

// errNoKeys is the error of a store without keys that can be used.
var errNoKeys = errors.New("the store has no keys of session tickets")

// read reads the keys of the store.
func (k *Keys) read(ctx context.Context) ([]key, error) {
	data, err := k.store.Get(ctx, Name)
	if errors.Is(err, certstore.ErrAway) {
		return nil, err
	}
	if err != nil {
		return nil, errNoKeys
	}
	keys := parseKeys(data)
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parseKeys reads a value of the store. Impossible keys are dropped.
func parseKeys(data []byte) []key {
	var keys []key
	if json.Unmarshal(data, &keys) != nil {
		return nil
	}
	keys = slices.DeleteFunc(keys, func(k key) bool { return len(k.Secret) != 32 || k.Created.IsZero() })
	return keys[:min(len(keys), maxKeys)]
}

// merged returns the keys of all lists that are still accepted, each once, the newest first. It drops a key from a clock that
// was far ahead, or that key would be the newest for ever. The caller holds mu, or has the only reference.
func (k *Keys) merged(lists ...[]key) (all []key) {
	now := k.now()
	for _, one := range slices.Concat(lists...) {
		age := now.Sub(one.Created)
		known := slices.ContainsFunc(all, func(other key) bool { return string(other.Secret) == string(one.Secret) })
		if age < acceptFor && age > -time.Hour && !known {
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b key) int { return b.Created.Compare(a.Created) })
	return all[:min(len(all), maxKeys)]
}

// apply gives the listeners their keys. The first one is used for new tickets. The caller holds mu.
func (k *Keys) apply() {
	if len(k.keys) == 0 {
		return
	}
	ordered := slices.Clone(k.keys)
	now := k.now()
	if i := slices.IndexFunc(ordered, func(one key) bool { return now.Sub(one.Created) >= settle }); i > 0 {
		first := ordered[i]
		ordered = slices.Insert(slices.Delete(ordered, i, i+1), 0, first)
	}
	for _, l := range k.bound {
		derived := make([][32]byte, 0, len(ordered))
		for _, one := range ordered {
			if secret, err := hkdf.Key(sha256.New, one.Secret, nil, "reverse-proxy session tickets "+l.purpose, 32); err == nil {
				derived = append(derived, [32]byte(secret))
			}
		}
		if len(derived) > 0 {
			l.config.SetSessionTicketKeys(derived)
		}
	}
}
