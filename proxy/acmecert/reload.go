package acmecert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reverse-proxy/proxy/cert"
)

// prepared is a reload of one listener's names (S-3.7). New names can be validated, but are not served before Commit.
type prepared struct {
	source  *Source
	next    *nameSet
	missing []*domain
}

// Prepare implements cert.Source. Names with a certificate neither in memory nor in the cache have to be ordered. A
// name that is already served, even without a certificate, does not delay a reload: Run keeps trying it.
func (s *Source) Prepare(names []string) (cert.Prepared, error) {
	m := s.manager
	served := s.names.Load().byName
	p := &prepared{source: s, next: m.nameSet(names)}
	for _, d := range p.next.list {
		if d.certificate() != nil || served[d.name] != nil {
			continue
		}
		if certificate, _, err := loadCertificate(context.Background(), m.cache, d.name, time.Now()); err == nil && certificate != nil {
			m.installCached(d, certificate)
			continue
		}
		p.missing = append(p.missing, d)
	}
	return p, nil
}

// Missing implements cert.Prepared.
func (p *prepared) Missing() []string { return namesOf(p.missing) }

// Obtain implements cert.Prepared. Certificates obtained before an error stay in the cache, so that the next try is
// quick.
func (p *prepared) Obtain(ctx context.Context, done func(name string)) error {
	s := p.source
	ctx, cancel := s.withStartTimeout(ctx)
	defer cancel()
	failures := s.order(ctx, p.missing, done)
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errStartTimeout) && len(failures) > 0 {
		return fmt.Errorf("%s.acme_domains: %s: given up: %w", s.key, failures[0].domain.name, err)
	}
	return s.errors(failures)
}

// Commit implements cert.Prepared.
func (p *prepared) Commit() {
	m := p.source.manager
	p.source.names.Store(p.next)
	m.forgetUnused(p.next.list...)
	m.rouse()
}

// Abandon implements cert.Prepared.
func (p *prepared) Abandon() { p.source.manager.forgetUnused() }

// Table implements cert.Prepared.
func (p *prepared) Table() *cert.Table { return nil }
