// Package certtest has sources of certificates for tests of code that uses a cert.Source.
package certtest

import (
	"context"
	"crypto/tls"
	"sync/atomic"

	"reverse-proxy/proxy/cert"
)

// Given serves the table that it is given, as a source that asks no CA.
type Given struct{ table atomic.Pointer[cert.Table] }

// Use replaces the table.
func (s *Given) Use(table *cert.Table) { s.table.Store(table) }

// Certificate implements cert.Source.
func (s *Given) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	return s.table.Load().Find(hello)
}

// Certificates implements cert.Source. It lists none.
func (s *Given) Certificates() []cert.Info { return nil }

// Table implements cert.Source.
func (s *Given) Table() *cert.Table { return s.table.Load() }

// AsksCA implements cert.Source.
func (s *Given) AsksCA() bool { return false }

// ChallengeCertificate implements cert.Source.
func (s *Given) ChallengeCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }

// HTTPChallenge implements cert.Source.
func (s *Given) HTTPChallenge(string, string) ([]byte, bool) { return nil, false }

// Provision implements cert.Source.
func (s *Given) Provision(context.Context, cert.Progress) error { return nil }

// Run implements cert.Source.
func (s *Given) Run(context.Context) {}

// Names implements cert.Source.
func (s *Given) Names() []cert.NameStatus { return nil }

// Attempts implements cert.Source.
func (s *Given) Attempts() cert.Attempts { return cert.Attempts{} }

// Prepare implements cert.Source. A reload changes nothing.
func (s *Given) Prepare([]string) (cert.Prepared, error) { return nil, nil }
