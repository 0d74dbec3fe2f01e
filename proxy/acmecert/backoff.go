package acmecert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// refusalsFile is the file in the cache directory that remembers refusals. It is not a valid host name, so it cannot
// collide with a certificate's file.
const refusalsFile = "acme_refusals.json"

// refusalSteps are the waits after the first, second and following refusals in a row; the last one repeats
// (S-5.5). Let's Encrypt's limit is five failed validations of a name an hour.
var refusalSteps = [...]time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

// refusal is what is remembered of a name that a CA refused.
type refusal struct {
	// Directory is the CA's directory: what one CA refused says nothing about another.
	Directory string `json:"directory"`
	// Domain is the name that was refused; "" if the CA asked for a wait that holds for all names.
	Domain string `json:"domain"`
	// Failures counts the refusals since the last certificate; at least 1.
	Failures int `json:"failures"`
	// LastError is the CA's reason, clipped.
	LastError string `json:"last_error"`
	// LastAttempt is when the CA refused, and NextTry when it may be asked again.
	LastAttempt time.Time `json:"last_attempt"`
	NextTry     time.Time `json:"next_try"`
}

// waiting reports whether the CA must not be asked at that time. A refusal dated in the future was written under a
// wrong clock and is ignored.
func (e refusal) waiting(now time.Time) bool {
	return now.Before(e.NextTry) && !e.LastAttempt.After(now.Add(time.Hour))
}

// refusals remembers the refusals of one cache directory. It is kept in memory and written at every change, so that
// a daemon that restarts every few seconds does not use up the CA's limit of failures.
type refusals struct {
	path string

	mu      sync.Mutex
	entries []refusal
	// unwritten reports whether the file lacks what is in memory.
	unwritten bool
}

// loadRefusals reads the refusals of a cache directory. Its result is never nil: on an error it starts empty.
func loadRefusals(dir string) (*refusals, error) {
	r := &refusals{path: filepath.Join(dir, refusalsFile)}
	data, err := readFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		r.entries, err = parseRefusals(data)
	}
	if err != nil {
		return r, fmt.Errorf("%s: earlier refusals of the CA are forgotten: %w", r.path, err)
	}
	return r, nil
}

// refresh reads the file again, for an operator who has removed it to try sooner. If it cannot be read, what is in memory
// counts.
func (r *refusals) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unwritten {
		return
	}
	data, err := readFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		r.entries = nil
		return
	}
	if err != nil {
		return
	}
	if entries, err := parseRefusals(data); err == nil {
		r.entries = entries
	}
}

// parseRefusals reads the file's content. Entries without a directory or with impossible times are dropped.
func parseRefusals(data []byte) ([]refusal, error) {
	var file struct {
		Refusals []refusal `json:"refusals"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(file.Refusals, func(e refusal) bool {
		return e.Directory == "" || e.Failures < 1 || e.NextTry.Sub(e.LastAttempt) > maxRetryAfter
	}), nil
}

// get returns what is remembered of a name.
func (r *refusals) get(directory, domain string) (refusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(directory, domain); i >= 0 {
		return r.entries[i], true
	}
	return refusal{}, false
}

func (r *refusals) index(directory, domain string) int {
	return slices.IndexFunc(r.entries, func(e refusal) bool {
		return e.Directory == directory && e.Domain == domain
	})
}

// refuse remembers a refusal and returns it with the time of the next attempt: after the step for this number of
// failures, or after the CA's Retry-After if that is longer, but never past half of remaining, which is what the name's
// certificate has left. The error says that the file could not be written; the refusal is then in memory only.
func (r *refusals) refuse(directory, domain, reason string, retryAfter, remaining time.Duration, now time.Time) (refusal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(directory, domain)
	step := refusalSteps[min(e.Failures, len(refusalSteps)-1)]
	e.Failures++
	e.set(reason, now, withinHalf(max(step, retryAfter), remaining))
	return *e, r.write()
}

// demand remembers that the CA wants to be left alone by all names for a while, and returns that with the end of the wait.
func (r *refusals) demand(directory, reason string, wait time.Duration, now time.Time) (refusal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(directory, "")
	e.Failures = 1
	e.set(reason, now, wait)
	demanded := *e
	return demanded, r.write()
}

// entry returns the entry of a name, which it makes if there is none. The pointer is good until the next one is made.
func (r *refusals) entry(directory, domain string) *refusal {
	i := r.index(directory, domain)
	if i < 0 {
		i = len(r.entries)
		r.entries = append(r.entries, refusal{Directory: directory, Domain: domain})
	}
	return &r.entries[i]
}

// set records a failure and the wait after it.
func (e *refusal) set(reason string, now time.Time, wait time.Duration) {
	e.LastError = clipText(reason, maxTextBytes)
	e.LastAttempt = now.UTC().Round(0)
	// Rounded up to a second, so that the time shown is not too early.
	e.NextTry = now.UTC().Add(wait + time.Second - 1).Truncate(time.Second)
}

// withinHalf bounds a wait by half of what a certificate has left, but not below a minute; remaining is 0 or less if there
// is no certificate to lose.
func withinHalf(wait, remaining time.Duration) time.Duration {
	if remaining <= 0 {
		return wait
	}
	return min(wait, max(remaining/2, time.Minute))
}

// forget drops what is remembered of a name, after a success.
func (r *refusals) forget(directory, domain string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(directory, domain)
	if i < 0 {
		return nil
	}
	r.entries = slices.Delete(r.entries, i, i+1)
	return r.write()
}

// write replaces the file atomically, so that a crash leaves either the old or the new one. If there are no refusals,
// there is no file.
func (r *refusals) write() (err error) {
	defer func() { r.unwritten = err != nil }()
	if len(r.entries) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	slices.SortFunc(r.entries, func(a, b refusal) int {
		return strings.Compare(a.Directory+" "+a.Domain, b.Directory+" "+b.Domain)
	})
	data, err := json.MarshalIndent(map[string]any{"refusals": r.entries}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(r.path, append(data, '\n'))
}

// unreachableWait is the wait after the n-th attempt in a row, counted from 0, that found the CA unreachable. Such
// attempts count against no limit, so the wait only has to leave several attempts before the certificate expires: a
// quarter of the remaining life, at least 1 s, at most 1 min · 2ⁿ and at most an hour. For a certificate near its end,
// a tenth of its lifetime replaces the remaining life.
func unreachableWait(n int, remaining, lifetime time.Duration) time.Duration {
	doubling := time.Minute << min(n, 6)
	return min(doubling, max(time.Second, max(remaining, lifetime/10)/4), time.Hour)
}
