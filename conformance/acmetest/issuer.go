package acmetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

// issuer signs the certificates of a FakeCA.
type issuer struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate

	mu     sync.Mutex
	lastID int
	chains map[string][]byte
	names  map[string]string
	posted map[string]bool         // the orders whose challenge was answered
	change func(*x509.Certificate) // nil for none
}

// Issue makes the server issue certificates, without any validation: every authorization is valid at once. change may
// modify each certificate before it is signed; nil for a usual one of 90 days.
func (ca *FakeCA) Issue(change func(*x509.Certificate)) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fake root"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1, 2, 3, 4},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.issuer = &issuer{key: key, root: root, chains: map[string][]byte{}, names: map[string]string{},
		posted: map[string]bool{}, change: change}
	delete(ca.refusals, FakeCANewOrder)
	return nil
}

// RootPEM returns the root of the certificates that this server issues; nil before Issue.
func (ca *FakeCA) RootPEM() []byte {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.issuer == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.issuer.root.Raw})
}

// serveOrder answers the requests about orders.
func (ca *FakeCA) serveOrder(w http.ResponseWriter, r *http.Request, path string, payload []byte) {
	ca.mu.Lock()
	issuer, asks, validates := ca.issuer, ca.asks, ca.validates
	ca.mu.Unlock()
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if issuer == nil {
		http.NotFound(w, r)
		return
	}
	switch path {
	case FakeCANewOrder:
		id, name := issuer.open(payload)
		w.Header().Set("Location", ca.server.URL+FakeCAOrder+"/"+id)
		status := "ready"
		if asks {
			status = "pending"
		}
		writeJSON(w, http.StatusCreated, ca.order(id, name, status))
	case FakeCAAuthorization, FakeCAChallenge:
		status := issuer.validation(id, path == FakeCAChallenge, validates)
		challenge := map[string]string{"type": "tls-alpn-01", "url": ca.server.URL + FakeCAChallenge + "/" + id, "token": "token-" + id, "status": status}
		if path == FakeCAChallenge {
			writeJSON(w, http.StatusOK, challenge)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"status": status, "challenges": []map[string]string{challenge},
			"identifier": map[string]string{"type": "dns", "value": issuer.name(id)}})
	case FakeCAOrder:
		writeJSON(w, http.StatusOK, ca.order(id, issuer.name(id), issuer.status(id, asks)))
	case FakeCAFinalize:
		if err := issuer.sign(id, payload); err != nil {
			WriteProblem(w, Refusal{Status: 400, Type: "urn:ietf:params:acme:error:badCSR", Detail: err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, ca.order(id, issuer.name(id), "valid"))
	case FakeCACertificate:
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		w.Write(issuer.chain(id))
	default:
		http.NotFound(w, r)
	}
}

// order renders an order.
func (ca *FakeCA) order(id, name, status string) map[string]any {
	authorizations := []string{}
	if status == "pending" {
		authorizations = append(authorizations, ca.server.URL+FakeCAAuthorization+"/"+id)
	}
	return map[string]any{"status": status, "identifiers": []map[string]string{{"type": "dns", "value": name}}, "authorizations": authorizations,
		"finalize": ca.server.URL + FakeCAFinalize + "/" + id, "certificate": ca.server.URL + FakeCACertificate + "/" + id}
}

// open makes an order for the name in the payload.
func (i *issuer) open(payload []byte) (id, name string) {
	var request struct {
		Identifiers []struct {
			Value string `json:"value"`
		} `json:"identifiers"`
	}
	_ = json.Unmarshal(payload, &request)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lastID++
	id = fmt.Sprint(i.lastID)
	if len(request.Identifiers) > 0 {
		i.names[id] = request.Identifiers[0].Value
	}
	return id, i.names[id]
}

// validation returns the status of an order's authorization and its challenge. answered is whether the client has just answered that.
func (i *issuer) validation(id string, answered, validates bool) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.posted[id] = i.posted[id] || answered
	if i.posted[id] && validates {
		return "valid"
	}
	return "pending"
}

// status returns the status of an order. asks is whether it has a challenge.
func (i *issuer) status(id string, asks bool) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.chains[id] != nil:
		return "valid"
	case asks && !i.posted[id]:
		return "pending"
	}
	return "ready"
}

func (i *issuer) name(id string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.names[id]
}

func (i *issuer) chain(id string) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.chains[id]
}

// sign issues the certificate that the payload requests.
func (i *issuer) sign(id string, payload []byte) error {
	var request struct {
		CSR string `json:"csr"`
	}
	if err := json.Unmarshal(payload, &request); err != nil {
		return err
	}
	der, err := base64.RawURLEncoding.DecodeString(request.CSR)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: serial, DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(0, 0, 90), AuthorityKeyId: i.root.SubjectKeyId}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.change != nil {
		i.change(template)
	}
	leaf, err := x509.CreateCertificate(rand.Reader, template, i.root, csr.PublicKey, i.key)
	if err != nil {
		return err
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
	i.chains[id] = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root.Raw})...)
	return nil
}

// readPayload returns the payload of a signed request, whose signature is not checked.
func readPayload(r *http.Request) []byte {
	var request struct {
		Payload string `json:"payload"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &request) != nil {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(request.Payload)
	if err != nil {
		return nil
	}
	return payload
}
