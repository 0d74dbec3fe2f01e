package acmecert

import (
	"context"
	"fmt"
	"time"
)

// refusalsFile is the file in the cache directory that remembers refusals.
const (
	refusalsFile  = "acme_refusals.json"
	refusalsField = "refusals"
)

// refusalSteps are the waits after the first, second and following refusals in a row; the last one repeats
// (S-5.5). Let's Encrypt's limit is five failed validations of a name an hour.
var refusalSteps = [...]time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

// refusal is a CA's refusal of a name, as the cache remembers it.
type refusal struct {
	// Directory is the URL of the CA's directory. Each CA has refusals of its own.
	Directory string `json:"directory"`
	// Domain is the name that was refused, or "" if the CA asked for a wait that applies to all names.
	Domain string `json:"domain"`
	// Failures counts the refusals since the last certificate; at least 1.
	Failures int `json:"failures"`
	// LastError is the CA's reason, truncated.
	LastError string `json:"last_error"`
	// LastAttempt is when the CA refused, and NextTry when it may be asked again.
	LastAttempt time.Time `json:"last_attempt"`
	NextTry     time.Time `json:"next_try"`
}

// waiting reports whether the CA must not be asked yet. A refusal dated in the future was written under a wrong clock
// and is ignored.
func (e refusal) waiting(now time.Time) bool {
	return now.Before(e.NextTry) && !e.LastAttempt.After(now.Add(time.Hour))
}

// about implements ledgerEntry.
func (e refusal) about() (directory, domain string) { return e.Directory, e.Domain }

// possible implements ledgerEntry.
func (e refusal) possible() bool {
	return e.Directory != "" && e.Failures >= 1 && e.NextTry.Sub(e.LastAttempt) <= maxRetryAfter
}

// stale implements ledgerEntry. A name in use is tried again soon after its wait, which replaces or removes its
// entry.
func (e refusal) stale(now time.Time) bool { return now.Sub(e.NextTry) > maxRetryAfter }

// refusals remembers the refusals of one cache directory. It writes them at every change, so that a daemon that restarts
// every few seconds does not use up the CA's limit of failures.
type refusals struct{ ledger[refusal] }

// loadRefusals reads the refusals of a cache directory. The result is not nil even if there is an error; it is then
// empty.
func loadRefusals(d *disk) (*refusals, error) {
	r := &refusals{newLedger[refusal](d, refusalsFile, refusalsField)}
	var err error
	if r.entries, err = r.read(); err != nil {
		return r, fmt.Errorf("%s: earlier refusals of the CA are forgotten: %w", r.path, err)
	}
	return r, nil
}

// refuse remembers a refusal and returns it with the time of the next attempt. The wait is the step for this number
// of failures, or the CA's Retry-After if that is longer, but at most half of remaining, the time until the name's
// certificate expires. An error means that the file could not be written and the refusal is only in memory.
func (r *refusals) refuse(ctx context.Context, directory, domain, reason string, retryAfter, remaining time.Duration, now time.Time) (refusal, error) {
	e, _ := r.get(directory, domain)
	e.Directory, e.Domain = directory, domain
	step := refusalSteps[min(e.Failures, len(refusalSteps)-1)]
	e.Failures++
	return r.record(ctx, e, reason, now, withinHalf(max(step, retryAfter), remaining))
}

// learn remembers a refusal of another machine.
func (r *refusals) learn(ctx context.Context, e refusal) error {
	r.mu.Lock()
	r.store(e)
	r.mu.Unlock()
	return r.save(ctx)
}

// demand remembers that the CA asked for a wait that applies to all names, and returns it with its end.
func (r *refusals) demand(ctx context.Context, directory, reason string, wait time.Duration, now time.Time) (refusal, error) {
	return r.record(ctx, refusal{Directory: directory, Failures: 1}, reason, now, wait)
}

// record remembers a failure and the wait after it.
func (r *refusals) record(ctx context.Context, e refusal, reason string, now time.Time, wait time.Duration) (refusal, error) {
	e.LastError = clipText(reason, maxTextBytes)
	e.LastAttempt = now.UTC().Round(0)
	// Rounded up to a second, so that the time shown is not too early.
	e.NextTry = now.UTC().Add(wait + time.Second - 1).Truncate(time.Second)
	r.mu.Lock()
	r.store(e)
	r.mu.Unlock()
	return e, r.save(ctx)
}

// withinHalf bounds a wait by half of a certificate's remaining time, but not below a minute. remaining is 0 or less
// if there is no valid certificate.
func withinHalf(wait, remaining time.Duration) time.Duration {
	if remaining <= 0 {
		return wait
	}
	return min(wait, max(remaining/2, time.Minute))
}

// forget removes what is remembered about a name, after a success.
func (r *refusals) forget(ctx context.Context, directory, domain string) error {
	r.mu.Lock()
	r.drop(func(e refusal) bool { return e.Directory == directory && e.Domain == domain })
	r.mu.Unlock()
	return r.save(ctx)
}

// unreachableWait returns the wait after the n-th attempt in a row, counted from 0, that found the CA unreachable.
// Such attempts do not count against the CA's limits, so the wait only has to leave time for several attempts before
// the certificate expires. It is a quarter of the remaining time, but at least 1 s, and at most an hour and 1 min ·
// 2ⁿ. Near the end of a certificate, a tenth of its lifetime is used in place of the remaining time.
func unreachableWait(n int, remaining, lifetime time.Duration) time.Duration {
	doubling := time.Minute << min(n, 6)
	return min(doubling, max(time.Second, max(remaining, lifetime/10)/4), time.Hour)
}
