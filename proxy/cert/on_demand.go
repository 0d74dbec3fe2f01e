package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTogether bounds the names that one self-signed certificate covers. With thousands of names, a certificate is
// larger than clients accept in a handshake.
const maxTogether = 100

// onDemand makes a self-signed certificate for each of many names when a client first asks for it. That takes about
// as long as the rest of a handshake, and does no I/O.
type onDemand struct {
	key *ecdsa.PrivateKey
	// names are the covered names, with wildcards as written.
	names map[string]bool
	// made holds the certificates by name.
	made sync.Map
}

// newOnDemand returns an onDemand for the names. It takes over the key and the certificates of earlier, which may be
// nil.
func newOnDemand(names []string, earlier *onDemand) (*onDemand, error) {
	o := &onDemand{names: make(map[string]bool, len(names))}
	for _, name := range names {
		o.names[name] = true
	}
	if earlier != nil {
		o.key = earlier.key
		for name, certificate := range earlier.made.Range {
			if o.names[name.(string)] {
				o.made.Store(name, certificate)
			}
		}
		return o, nil
	}
	var err error
	o.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return o, err
}

// nameFor returns the covered name that a server name belongs to; "" if none does.
func (o *onDemand) nameFor(name string) string {
	if o.names[name] {
		return name
	}
	if _, rest, ok := strings.Cut(name, "."); ok && o.names["*."+rest] {
		return "*." + rest
	}
	return ""
}

// find returns the certificate for a server name; nil if it is not covered.
func (o *onDemand) find(name string) *tls.Certificate {
	covered := o.nameFor(name)
	if covered == "" {
		return nil
	}
	if certificate, ok := o.made.Load(covered); ok {
		return certificate.(*tls.Certificate)
	}
	certificate, err := selfSigned([]string{covered}, o.key, time.Now())
	if err != nil {
		return nil // only if the source of randomness is broken, and then the handshake fails too
	}
	first, _ := o.made.LoadOrStore(covered, certificate)
	return first.(*tls.Certificate)
}

// certificates returns the certificates made so far, in the order of their names.
func (o *onDemand) certificates() []*tls.Certificate {
	byName := map[string]*tls.Certificate{}
	for name, certificate := range o.made.Range {
		byName[name.(string)] = certificate.(*tls.Certificate)
	}
	list := make([]*tls.Certificate, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[name])
	}
	return list
}
