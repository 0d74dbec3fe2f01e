package acmecert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"testing"
	"time"
)

// FuzzParseChain covers what a CA may send as a certificate.
func FuzzParseChain(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	f.Add([]byte("no PEM"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		certificate, err := parseChain(data, key, acmeTestName, time.Now())
		if err == nil && !key.PublicKey.Equal(certificate.Leaf.PublicKey) {
			t.Fatal("got a certificate for another key")
		}
	})
}

// FuzzParseSuggestions covers a file that another program may have written.
func FuzzParseSuggestions(f *testing.F) {
	f.Add([]byte(`{"renewals":[{"directory":"https://ca/dir","domain":"a.test","certificate":"aa.bb","window_start":"2026-01-02T03:04:05Z",` +
		`"window_end":"2026-01-03T03:04:05Z","moment":"2026-01-02T13:04:05Z"}]}`))
	f.Add([]byte(`{"renewals":[{"directory":"d","domain":"a.test","certificate":"x","moment":"9999-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"renewals":[{"domain":"a.test"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseEntries[suggestion](suggestionsField, data)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Certificate != "" && (e.Moment.Before(e.Start) || e.Moment.After(e.End)) {
				t.Fatalf("got %+v, want no moment outside of its window", e)
			}
		}
	})
}

// FuzzParseKey covers the account's key.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := parseKey(data)
		if err != nil {
			return
		}
		encoded, err := encodeKey(key)
		if err != nil {
			return // a key on a curve that is not written
		}
		if again, err := parseKey(encoded); err != nil || !again.Equal(key) {
			t.Fatalf("got %v after writing and reading, want the same key", err)
		}
	})
}
