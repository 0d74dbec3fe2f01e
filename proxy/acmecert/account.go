package acmecert

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"golang.org/x/crypto/acme/autocert"

	"reverse-proxy/proxy/eventlog"
)

// The keys of the cache for the account. The first two are autocert's; a name of a host has no underscore.
const (
	accountKeyFile       = "acme_account+key"
	legacyAccountKeyFile = "acme_account.key"
	accountRecordFile    = "acme_account.json"
)

// accountRecord remembers the account of a key, so that a start need not ask the CA for it.
type accountRecord struct {
	// Directory is the URL of the CA's directory, URL that of the account, Key the thumbprint of the account's key,
	// and Contact the contact that the CA has.
	Directory string `json:"directory"`
	URL       string `json:"url"`
	Key       string `json:"key"`
	Contact   string `json:"contact"`
}

// readRecord returns the record of the account. It is empty if it cannot be read, and the CA is then asked for the
// account.
func (a *authority) readRecord(ctx context.Context) (record accountRecord) {
	data, err := a.cache.Get(ctx, accountRecordFile)
	if err != nil || json.Unmarshal(data, &record) != nil {
		return accountRecord{}
	}
	return record
}

// writeRecord writes the record of the account. Without it, the next start asks the CA.
func (a *authority) writeRecord(ctx context.Context, record accountRecord) {
	data, err := json.MarshalIndent(record, "", "  ")
	if err == nil {
		err = a.cache.Put(ctx, accountRecordFile, append(data, '\n'))
	}
	if err != nil {
		a.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("directory", a.directoryURL),
			eventlog.Str("error", "the account cannot be remembered: "+err.Error()))
	}
}

// cacheHasKey reports whether the cache has a file for the account's key. A directory that was removed or has become
// unreadable has none.
func (a *authority) cacheHasKey(ctx context.Context) bool {
	for _, name := range []string{accountKeyFile, legacyAccountKeyFile} {
		if _, err := a.cache.Get(ctx, name); err == nil {
			return true
		}
	}
	return false
}

// accountKey returns the key of the account, and creates it if there is none. It renames and replaces a file without
// a valid key, which a full disk or a crash may leave: with that file no order could ever succeed (S-5.11).
func (a *authority) accountKey(ctx context.Context) (*ecdsa.PrivateKey, error) {
	for _, name := range []string{accountKeyFile, legacyAccountKeyFile} {
		data, err := a.cache.Get(ctx, name)
		if errors.Is(err, autocert.ErrCacheMiss) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the account's key cannot be read: %w; make it readable or remove it", err)
		}
		key, err := parseKey(data)
		if err == nil {
			return key, nil
		}
		if err := a.setAside(ctx, name, data, err); err != nil {
			return nil, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	data, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := a.cache.Put(ctx, accountKeyFile, data); err != nil {
		return nil, fmt.Errorf("the account's key cannot be written: %w", err)
	}
	return key, nil
}

// setAside renames a key file that cannot be used.
func (a *authority) setAside(ctx context.Context, name string, data []byte, problem error) error {
	aside := name + ".unreadable-" + time.Now().UTC().Format("20060102T150405Z")
	err := a.cache.Put(ctx, aside, data)
	if err == nil {
		err = a.cache.Delete(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("%s holds no key (%v), and cannot be set aside: %w", name, problem, err)
	}
	a.log.Log(eventlog.LevelWarn, "ACME_ERROR", eventlog.Str("directory", a.directoryURL),
		eventlog.Str("error", fmt.Sprintf("%s holds no key (%v); it is kept as %s, and a new account is made", name, problem, aside)))
	return nil
}

// parseKey reads an ECDSA key in PEM, in any of the forms that autocert reads.
func parseKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || !strings.Contains(block.Type, "PRIVATE") {
		return nil, errors.New("no private key in PEM")
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%T is not an ECDSA key", parsed)
	}
	return key, nil
}

// readEAB reads the key of an external account binding. CAs hand it out in base64, in either alphabet and with or
// without padding.
func readEAB(keyID, path string) (*acme.EAB, error) {
	if keyID == "" {
		return nil, nil
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(strings.TrimSpace(string(data)), "=")
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	if key, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%s holds no key in base64", path)
	}
	return &acme.EAB{KeyID: keyID, MACKey: text}, nil
}
