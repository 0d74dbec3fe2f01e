package acmetest

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"
)

// FakeCA is an ACME server that never issues a certificate. It answers requests for the directory, nonces and new
// accounts, and refuses what Refuse names. It counts requests, so that a test can see how often a CA was contacted.
type FakeCA struct {
	// DirectoryURL is the value for `acme_directory`.
	DirectoryURL string

	server *httptest.Server

	mu       sync.Mutex
	refusals map[string]Refusal
	counts   map[string]int
	nonce    int
}

// Refusal is the answer to a refused request.
type Refusal struct {
	// Status is the HTTP status.
	Status int
	// Type and Detail are the fields of the problem document (RFC 9457).
	Type, Detail string
	// RetryAfter is sent as Retry-After in whole seconds, unless it is 0.
	RetryAfter time.Duration
}

// The paths of a FakeCA, for Refuse and Requests.
const (
	FakeCADirectory  = "/dir"
	FakeCANewNonce   = "/new-nonce"
	FakeCANewAccount = "/new-account"
	FakeCANewOrder   = "/new-order"
)

// StartFakeCA starts a FakeCA on a free port of 127.0.0.1. It refuses new orders with a serverInternal problem until
// Refuse says otherwise.
func StartFakeCA() *FakeCA {
	ca := &FakeCA{counts: make(map[string]int), refusals: map[string]Refusal{
		FakeCANewOrder: {Status: 500, Type: "urn:ietf:params:acme:error:serverInternal", Detail: "issues nothing",
			RetryAfter: time.Second}}}
	ca.server = httptest.NewTLSServer(ca)
	ca.DirectoryURL = ca.server.URL + FakeCADirectory
	return ca
}

// Close ends the server.
func (ca *FakeCA) Close() { ca.server.Close() }

// WriteCAFile writes the root certificate of the server itself, for `acme_ca_path`.
func (ca *FakeCA) WriteCAFile(path string) error {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: ca.server.Certificate().Raw}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// Refuse makes the server answer requests for a path with a refusal from now on.
func (ca *FakeCA) Refuse(path string, r Refusal) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.refusals[path] = r
}

// Requests returns the number of requests for a path, or for all paths if it is "".
func (ca *FakeCA) Requests(path string) int {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if path != "" {
		return ca.counts[path]
	}
	n := 0
	for _, count := range ca.counts {
		n += count
	}
	return n
}

// ServeHTTP implements http.Handler.
func (ca *FakeCA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ca.mu.Lock()
	ca.counts[r.URL.Path]++
	ca.nonce++
	nonce := ca.nonce
	refusal, refused := ca.refusals[r.URL.Path]
	ca.mu.Unlock()

	w.Header().Set("Replay-Nonce", fmt.Sprintf("nonce-%d", nonce))
	w.Header().Set("Cache-Control", "no-store")
	if refused {
		if refusal.RetryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(refusal.RetryAfter/time.Second)))
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(refusal.Status)
		json.NewEncoder(w).Encode(map[string]any{"type": refusal.Type, "detail": refusal.Detail,
			"status": refusal.Status})
		return
	}
	switch r.URL.Path {
	case FakeCADirectory:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{
			"newNonce":   ca.server.URL + FakeCANewNonce,
			"newAccount": ca.server.URL + FakeCANewAccount,
			"newOrder":   ca.server.URL + FakeCANewOrder,
		})
	case FakeCANewNonce:
		w.WriteHeader(http.StatusNoContent)
	case FakeCANewAccount:
		w.Header().Set("Location", ca.server.URL+"/account/1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]string{"status": "valid"})
	default:
		http.NotFound(w, r)
	}
}
