package proxy

import (
	"context"
	"crypto/tls"
	"sync/atomic"
)

// localSource is what sources have in common that ask no CA: they serve a table, which a reload replaces whole.
type localSource struct {
	listener string
	mode     TLSMode
	table    atomic.Pointer[certTable]
}

// Certificate implements CertSource.
func (s *localSource) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	return s.table.Load().find(hello)
}

// Certificates implements CertSource.
func (s *localSource) Certificates() []CertInfo { return s.table.Load().infos(s.listener, s.mode) }

// Table implements CertSource.
func (s *localSource) Table() *certTable { return s.table.Load() }

// AsksCA implements CertSource.
func (s *localSource) AsksCA() bool { return false }

// ChallengeCertificate implements CertSource. No validation is ever under way.
func (s *localSource) ChallengeCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, nil
}

// HTTPChallenge implements CertSource. No validation is ever under way.
func (s *localSource) HTTPChallenge(string, string) ([]byte, bool) { return nil, false }

// Provision implements CertSource. The certificates were there before the source was.
func (s *localSource) Provision(context.Context) error { return nil }

// Run implements CertSource. Nothing is renewed but by a reload.
func (s *localSource) Run(context.Context) {}

// Names implements CertSource.
func (s *localSource) Names() []CertNameStatus { return nil }

// Attempts implements CertSource.
func (s *localSource) Attempts() CertAttempts { return CertAttempts{} }
