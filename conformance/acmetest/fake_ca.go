package acmetest

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"
)

// FakeCA is an ACME server of which a test can replace every answer. It answers requests for the directory, nonces and
// accounts, refuses what Refuse names, and issues certificates without validating anything once Issue was called. It
// counts requests, so that a test can see how often a CA was contacted.
type FakeCA struct {
	// DirectoryURL is the value for `acme_directory`.
	DirectoryURL string

	server *httptest.Server

	mu       sync.Mutex
	refusals map[string]Refusal
	answers  map[string]http.HandlerFunc
	counts   map[string]int
	bodies   map[string][]string
	nonce    int
	contacts []string
	issuer   *issuer
	meta     map[string]any
	ari      bool
	// asks is whether a new order has a challenge; validates whether an answered one succeeds.
	asks, validates bool
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

// The paths of a FakeCA, for Refuse, Answer and Requests. Those of an order, and of renewal information, are followed by
// a number or an identifier, which does not count.
const (
	FakeCADirectory     = "/dir"
	FakeCANewNonce      = "/new-nonce"
	FakeCANewAccount    = "/new-account"
	FakeCAAccount       = "/account"
	FakeCANewOrder      = "/new-order"
	FakeCAOrder         = "/order"
	FakeCAAuthorization = "/authorization"
	FakeCAChallenge     = "/challenge"
	FakeCAFinalize      = "/finalize"
	FakeCACertificate   = "/certificate"
	FakeCARenewalInfo   = "/renewal-info"
)

// StartFakeCA starts a FakeCA on a free port of 127.0.0.1. It refuses new orders with a serverInternal problem until
// Refuse or Issue says otherwise.
func StartFakeCA() *FakeCA {
	ca := &FakeCA{counts: make(map[string]int), bodies: make(map[string][]string), answers: make(map[string]http.HandlerFunc),
		meta: map[string]any{}, refusals: map[string]Refusal{
			FakeCANewOrder: {Status: 500, Type: "urn:ietf:params:acme:error:serverInternal", Detail: "issues nothing",
				RetryAfter: time.Second}}}
	ca.server = httptest.NewTLSServer(ca)
	ca.DirectoryURL = ca.server.URL + FakeCADirectory
	return ca
}

// Close ends the server.
func (ca *FakeCA) Close() {
	ca.server.CloseClientConnections()
	ca.server.Close()
}

// WriteCAFile writes the root certificate of the server itself, for `acme_ca_path`.
func (ca *FakeCA) WriteCAFile(path string) error {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: ca.server.Certificate().Raw}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}

// Refuse makes the server answer requests for a path with a refusal from now on; with a zero Refusal it no longer does.
func (ca *FakeCA) Refuse(path string, r Refusal) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if r.Status == 0 {
		delete(ca.refusals, path)
		return
	}
	ca.refusals[path] = r
}

// Answer makes a handler answer requests for a path from now on; with nil the server does so itself.
func (ca *FakeCA) Answer(path string, handler http.HandlerFunc) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.answers[path] = handler
}

// OfferProfiles names profiles in the directory.
func (ca *FakeCA) OfferProfiles(names ...string) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	profiles := map[string]string{}
	for _, name := range names {
		profiles[name] = "for tests"
	}
	ca.meta["profiles"] = profiles
}

// OfferRenewalInfo names renewal information in the directory, or no longer does. Answer says what the CA suggests.
func (ca *FakeCA) OfferRenewalInfo(offer bool) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.ari = offer
}

// Challenge makes every new order pending, with an authorization and a TLS-ALPN-01 challenge. An answer to the challenge is
// believed; if validates is false, its validation never ends.
func (ca *FakeCA) Challenge(validates bool) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.asks, ca.validates = true, validates
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

// Payloads returns the payloads of the requests for a path, as JSON.
func (ca *FakeCA) Payloads(path string) []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return append([]string(nil), ca.bodies[path]...)
}

// kind returns the path without what follows it.
func kind(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return "/" + first
}

// ServeHTTP implements http.Handler.
func (ca *FakeCA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := kind(r.URL.Path)
	payload := readPayload(r)
	r = r.WithContext(context.WithValue(r.Context(), payloadKey{}, payload))
	ca.mu.Lock()
	ca.counts[path]++
	ca.bodies[path] = append(ca.bodies[path], string(payload))
	ca.nonce++
	nonce := ca.nonce
	refusal, refused := ca.refusals[path]
	answer := ca.answers[path]
	ca.mu.Unlock()

	w.Header().Set("Replay-Nonce", fmt.Sprintf("nonce-%d", nonce))
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case answer != nil:
		answer(w, r)
	case refused:
		WriteProblem(w, refusal)
	default:
		ca.Serve(w, r)
	}
}

type payloadKey struct{}

// Serve answers a request as the server does by itself, for a handler given to Answer.
func (ca *FakeCA) Serve(w http.ResponseWriter, r *http.Request) {
	payload, _ := r.Context().Value(payloadKey{}).([]byte)
	ca.serve(w, r, kind(r.URL.Path), payload)
}

// Chain returns the chain that a request for a certificate is answered with, in PEM.
func (ca *FakeCA) Chain(r *http.Request) []byte {
	ca.mu.Lock()
	issuer := ca.issuer
	ca.mu.Unlock()
	return issuer.chain(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
}

// WriteProblem writes a refusal.
func WriteProblem(w http.ResponseWriter, refusal Refusal) {
	if refusal.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(refusal.RetryAfter/time.Second)))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(refusal.Status)
	json.NewEncoder(w).Encode(map[string]any{"type": refusal.Type, "detail": refusal.Detail, "status": refusal.Status})
}

// serve answers a request as a CA does.
func (ca *FakeCA) serve(w http.ResponseWriter, r *http.Request, path string, payload []byte) {
	switch path {
	case FakeCADirectory:
		writeJSON(w, http.StatusOK, ca.directory())
	case FakeCANewNonce:
		w.WriteHeader(http.StatusNoContent)
	case FakeCANewAccount, FakeCAAccount:
		ca.serveAccount(w, path, payload)
	default:
		ca.serveOrder(w, r, path, payload)
	}
}

// directory returns the directory.
func (ca *FakeCA) directory() map[string]any {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	directory := map[string]any{
		"newNonce": ca.server.URL + FakeCANewNonce, "newAccount": ca.server.URL + FakeCANewAccount,
		"newOrder": ca.server.URL + FakeCANewOrder, "meta": ca.meta,
	}
	if ca.ari {
		directory["renewalInfo"] = ca.server.URL + FakeCARenewalInfo
	}
	return directory
}

// serveAccount has one account, which it makes at the first request.
func (ca *FakeCA) serveAccount(w http.ResponseWriter, path string, payload []byte) {
	var request struct {
		Contact []string `json:"contact"`
	}
	_ = json.Unmarshal(payload, &request)
	ca.mu.Lock()
	status := http.StatusOK
	switch {
	case path == FakeCAAccount:
		ca.contacts = request.Contact
	case ca.contacts == nil:
		status, ca.contacts = http.StatusCreated, request.Contact
	}
	contacts := ca.contacts
	ca.mu.Unlock()
	w.Header().Set("Location", ca.server.URL+FakeCAAccount+"/1")
	writeJSON(w, status, map[string]any{"status": "valid", "contact": contacts})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(value)
}
