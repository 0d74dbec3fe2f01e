package acmecert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reverse-proxy/proxy/certstore"
	"reverse-proxy/proxy/eventlog"
)

// sharedAccount is the form of the account in the store.
type sharedAccount struct {
	// Key is the account's key in PEM, and Record what the machines remember about the account.
	Key    []byte          `json:"key"`
	Record json.RawMessage `json:"record,omitempty"`
}

// lockAccount keeps other processes and machines from creating an account at the same time. It copies an account in
// the store to the cache; the returned function copies a new or changed account to the store. If the store is away,
// this machine's account is used.
func (m *Manager) lockAccount(ctx context.Context) (unlock func(), err error) {
	unlockDir, err := m.lock(ctx, accountKeyFile)
	switch {
	case errors.Is(err, errNoLock):
		unlockDir = func() {} // no process can write an account to such a cache
	case err != nil:
		return nil, err
	}
	lease, err := m.leaseFor(ctx, accountKind, "")
	if lease == nil {
		if err != nil && !errors.Is(err, certstore.ErrAway) {
			unlockDir()
			return nil, err
		}
		return unlockDir, nil
	}
	adopted, err := m.adoptAccount(ctx)
	if err != nil {
		lease.Release()
		unlockDir()
		return nil, err
	}
	return func() {
		if err := m.shareAccount(ctx, lease, adopted); err != nil && ctx.Err() == nil {
			m.log.Log(eventlog.LevelWarn, "ACME_ERROR", m.directory(), eventlog.Str("error", "the account cannot be written to the store: "+err.Error()))
		}
		lease.Release()
		unlockDir()
	}, nil
}

// adoptAccount copies the account from the store to the cache, and returns the value from the store. It keeps this
// machine's previous account under another name.
func (m *Manager) adoptAccount(ctx context.Context) (adopted []byte, err error) {
	name := m.shared.nameOf(accountKind, "")
	data, err := m.shared.store.Get(ctx, name)
	if err != nil {
		m.logUnreadable(name, err)
		return nil, nil
	}
	var account sharedAccount
	if err := json.Unmarshal(data, &account); err != nil {
		m.logUnusable(name, err)
		return nil, nil
	}
	if _, err := parseKey(account.Key); err != nil {
		m.logUnusable(name, err)
		return nil, nil
	}
	own, err := m.cache.Get(ctx, accountKeyFile)
	switch {
	case err == nil && bytes.Equal(own, account.Key):
		return data, nil
	case err == nil:
		err = m.cache.Put(ctx, accountKeyFile+".replaced-"+time.Now().UTC().Format("20060102T150405Z"), own)
	case isMiss(err):
		err = nil
	}
	if err == nil {
		err = m.cache.Put(ctx, accountKeyFile, account.Key)
	}
	if err == nil && len(account.Record) > 0 {
		err = m.cache.Put(ctx, accountRecordFile, append(bytes.Clone(account.Record), '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("the account of the other machines cannot be written to the cache: %w", err)
	}
	return data, nil
}

// shareAccount writes the account in the cache to the store, unless it came from there.
func (m *Manager) shareAccount(ctx context.Context, lease *certstore.Lease, adopted []byte) error {
	key, err := m.cache.Get(ctx, accountKeyFile)
	if isMiss(err) {
		return nil
	}
	if err != nil {
		return err
	}
	account := sharedAccount{Key: key}
	if record, err := m.cache.Get(ctx, accountRecordFile); err == nil && json.Valid(record) {
		account.Record = record
	}
	data, err := json.Marshal(account)
	if err != nil || bytes.Equal(data, adopted) {
		return err
	}
	return lease.Put(ctx, m.shared.nameOf(accountKind, ""), data)
}
