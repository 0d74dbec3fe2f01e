package acmedns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	// propagationTimeout bounds the wait for the authoritative name servers. A secondary may need a minute.
	propagationTimeout = 2 * time.Minute
	// delegationTimeout bounds that wait for a Responder. It has the record immediately, so what is missing after that is
	// a DNS record of the operator.
	delegationTimeout = 10 * time.Second
	// firstPoll is the first wait between two looks at the name servers; each is half as long again as the one before.
	firstPoll, maxPoll = 500 * time.Millisecond, 5 * time.Second
	// cleanUpTimeout bounds the removal of a record, which goes on after its attempt was cancelled.
	cleanUpTimeout = 15 * time.Second
)

// Provider adds TXT records to the DNS and removes them. fqdn has a final dot.
type Provider interface {
	Present(ctx context.Context, fqdn, value string) error
	CleanUp(ctx context.Context, fqdn, value string) error
}

// Solver answers DNS-01 challenges. It implements acmez.Solver and acmez.Waiter.
type Solver struct {
	provider Provider
	network  *Network
	timeout  time.Duration
}

var _ interface {
	acmez.Solver
	acmez.Waiter
} = (*Solver)(nil)

// NewSolver returns a solver that adds records by a provider and looks for them in a network.
func NewSolver(provider Provider, network *Network) *Solver {
	s := &Solver{provider: provider, network: network, timeout: propagationTimeout}
	if _, ok := provider.(*Records); ok {
		s.timeout = delegationTimeout
	}
	return s
}

// Present implements acmez.Solver.
func (s *Solver) Present(ctx context.Context, challenge acme.Challenge) error {
	return s.provider.Present(ctx, challenge.DNS01TXTRecordName()+".", challenge.DNS01KeyAuthorization())
}

// CleanUp implements acmez.Solver. It does so even if ctx has ended.
func (s *Solver) CleanUp(ctx context.Context, challenge acme.Challenge) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
	defer cancel()
	return s.provider.CleanUp(ctx, challenge.DNS01TXTRecordName()+".", challenge.DNS01KeyAuthorization())
}

// Wait implements acmez.Waiter: it waits until the authoritative name servers have the record. The error says which record
// is missing where.
func (s *Solver) Wait(ctx context.Context, challenge acme.Challenge) error {
	fqdn, value := challenge.DNS01TXTRecordName()+".", challenge.DNS01KeyAuthorization()
	waiting, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var last error
	for wait := firstPoll; ; wait = min(wait*3/2, maxPoll) {
		err := s.ready(waiting, fqdn, value)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case last == nil || !errors.Is(err, context.DeadlineExceeded):
			last = err
		}
		if pause(waiting, wait); waiting.Err() != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("after %s: %w", s.timeout, last)
		}
	}
}

// ready returns nil if the authoritative name servers have the record.
func (s *Solver) ready(ctx context.Context, fqdn, value string) error {
	trace, err := s.network.Find(ctx, fqdn)
	if err != nil {
		return err
	}
	if records, ok := s.provider.(*Records); ok {
		if err := records.Missing(trace); err != nil {
			return err
		}
		// A machine may be unable to reach itself by its public address, and the CA reach it.
		return trace.lacking(value)
	}
	if !trace.answered() {
		return s.network.resolverHas(ctx, trace, value)
	}
	return trace.lacking(value)
}
