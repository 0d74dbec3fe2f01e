package cert

import (
	"context"
	"crypto/tls"
	"sync/atomic"

	"reverse-proxy/proxy/config"
)

// local is the common part of sources that ask no CA. They serve a table, which a reload replaces as a whole.
type local struct {
	listener string
	mode     config.TLSMode
	table    atomic.Pointer[Table]
}

// Certificate implements Source.
func (s *local) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	return s.table.Load().Find(hello)
}

// Certificates implements Source.
func (s *local) Certificates() []Info { return s.table.Load().infos(s.listener, s.mode) }

// Table implements Source.
func (s *local) Table() *Table { return s.table.Load() }

// AsksCA implements Source.
func (s *local) AsksCA() bool { return false }

// ChallengeCertificate implements Source. No validation is ever under way.
func (s *local) ChallengeCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, nil
}

// HTTPChallenge implements Source. No validation is ever under way.
func (s *local) HTTPChallenge(string, string) ([]byte, bool) { return nil, false }

// Provision implements Source. The certificates exist already.
func (s *local) Provision(context.Context, Progress) error { return nil }

// Run implements Source. Only a reload replaces certificates.
func (s *local) Run(context.Context) {}

// Names implements Source.
func (s *local) Names() []NameStatus { return nil }

// Attempts implements Source.
func (s *local) Attempts() Attempts { return Attempts{} }
