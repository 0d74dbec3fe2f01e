// Package tickets shares the keys of TLS session tickets among several machines, so that a session resumes on any of them
// (S-20.5). Like the keys of crypto/tls, a key makes new tickets for a day and opens them for a week.
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
	// rotateEvery is how long a key makes new tickets. acceptFor is how long its tickets are accepted.
	rotateEvery, acceptFor = 24 * time.Hour, 7 * 24 * time.Hour
	// settle is how long a new key only opens tickets before it makes any. After that time all machines have the key, even
	// if their clocks differ by a minute.
	settle = 2 * time.Minute
	// lookEvery is how often the age of the keys is checked.
	lookEvery = time.Minute
	// maxKeys limits the number of keys in the store's value.
	maxKeys = 16
)

// key is the secret from which the keys of all listeners are derived.
type key struct {
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

// Keys holds the keys of all listeners of this machine.
type Keys struct {
	store *certstore.Store
	now   func() time.Time
	// failed is called with the errors of the store, but not while the store is unreachable.
	failed func(error)

	mu    sync.Mutex
	keys  []key // newest first
	bound []listener
}

// listener is a TLS configuration with the purpose of its keys.
type listener struct {
	purpose string
	config  *tls.Config
}

// New returns keys that are shared through a store. Until the store has one, each listener uses its own keys.
func New(store *certstore.Store, now func() time.Time, failed func(error)) *Keys {
	return &Keys{store: store, now: now, failed: failed}
}

// Bind makes a listener use the shared keys from now on. Each purpose derives its own keys, so that a session of one
// listener does not resume on another.
func (k *Keys) Bind(purpose string, config *tls.Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bound = append(k.bound, listener{purpose, config})
	k.apply()
}

// Load reads the keys of the store. Keys that only this machine has are still accepted. If the store was emptied, Load
// writes this machine's keys to it.
func (k *Keys) Load(ctx context.Context) {
	keys, err := k.read(ctx)
	switch {
	case err == nil:
		k.add(keys...)
	case errors.Is(err, errNoKeys) && k.has():
		k.publish(ctx)
	}
}

// Run replaces old keys until ctx ends. One machine does so for all of them.
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

// rotate makes a new key if the newest is old. If the store has been unreachable for a day since then, rotate makes a key
// for this machine only.
func (k *Keys) rotate(ctx context.Context) {
	age := k.age()
	if age < rotateEvery {
		return
	}
	if !k.publish(ctx) && age > 2*rotateEvery && k.has() {
		k.add(k.fresh())
	}
}

// publish writes the keys of the store and of this machine to the store. If all are old, it adds a new one. It reports
// whether it got the lease for that.
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

// age returns the age of the newest key. If there is none, it returns an age at which keys are no longer accepted.
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

// errNoKeys means that the store has no usable keys.
var errNoKeys = errors.New("the store has no keys for session tickets")

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

// parseKeys parses the store's value. It drops invalid keys.
func parseKeys(data []byte) []key {
	var keys []key
	if json.Unmarshal(data, &keys) != nil {
		return nil
	}
	keys = slices.DeleteFunc(keys, func(k key) bool { return len(k.Secret) != 32 || k.Created.IsZero() })
	return keys[:min(len(keys), maxKeys)]
}

// merged returns those keys of all lists that are still accepted, newest first and without duplicates. It drops a key made
// by a clock that was far ahead, which would otherwise stay the newest. The caller holds mu or has the only reference.
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

// apply gives the listeners their keys. The first key makes new tickets. The caller holds mu.
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
