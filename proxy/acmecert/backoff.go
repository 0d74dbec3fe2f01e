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

// acmeRefusalsFile is the file in the cache directory that remembers refusals. It is not a valid host name, so it cannot
// collide with a certificate's file.
const acmeRefusalsFile = "acme_refusals.json"

// acmeRefusalSteps are the waits after the first, second and following refusals in a row; the last one repeats
// (S-5.5). Let's Encrypt's limit is five failed validations of a name an hour.
var acmeRefusalSteps = [...]time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour}

// acmeRefusal is what is remembered of a name that a CA refused.
type acmeRefusal struct {
	// Directory is the CA's directory: what one CA refused says nothing about another.
	Directory string `json:"directory"`
	// Domain is the name that was refused.
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
func (e acmeRefusal) waiting(now time.Time) bool {
	return now.Before(e.NextTry) && !e.LastAttempt.After(now.Add(time.Hour))
}

// acmeRefusals remembers the refusals of one cache directory. It is kept in memory and written at every change, so that
// a daemon that restarts every few seconds does not use up the CA's limit of failures.
type acmeRefusals struct {
	path string

	mu      sync.Mutex
	entries []acmeRefusal
}

// loadACMERefusals reads the refusals of a cache directory. Its result is never nil: on an error it starts empty.
func loadACMERefusals(dir string) (*acmeRefusals, error) {
	r := &acmeRefusals{path: filepath.Join(dir, acmeRefusalsFile)}
	data, err := readFileLimited(r.path, maxACMEFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		r.entries, err = parseACMERefusals(data)
	}
	if err != nil {
		return r, fmt.Errorf("%s: earlier refusals of the CA are forgotten: %w", r.path, err)
	}
	return r, nil
}

// parseACMERefusals reads the file's content. Entries without a name or with impossible times are dropped.
func parseACMERefusals(data []byte) ([]acmeRefusal, error) {
	var file struct {
		Refusals []acmeRefusal `json:"refusals"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(file.Refusals, func(e acmeRefusal) bool {
		return e.Domain == "" || e.Failures < 1 || e.NextTry.Sub(e.LastAttempt) > maxRetryAfter
	}), nil
}

// get returns what is remembered of a name.
func (r *acmeRefusals) get(directory, domain string) (acmeRefusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(directory, domain); i >= 0 {
		return r.entries[i], true
	}
	return acmeRefusal{}, false
}

func (r *acmeRefusals) index(directory, domain string) int {
	return slices.IndexFunc(r.entries, func(e acmeRefusal) bool {
		return e.Directory == directory && e.Domain == domain
	})
}

// refuse remembers a refusal and returns it with the time of the next attempt: after the step for this number of
// failures, or after the CA's Retry-After if that is longer. The error says that the file could not be written; the
// refusal is then in memory only.
func (r *acmeRefusals) refuse(directory, domain, reason string, retryAfter time.Duration,
	now time.Time) (acmeRefusal, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(directory, domain)
	if i < 0 {
		i = len(r.entries)
		r.entries = append(r.entries, acmeRefusal{Directory: directory, Domain: domain})
	}
	e := &r.entries[i]
	step := acmeRefusalSteps[min(e.Failures, len(acmeRefusalSteps)-1)]
	e.Failures++
	e.LastError = clipText(reason, maxACMETextBytes)
	e.LastAttempt = now.UTC().Round(0)
	// Rounded up to a second, so that the time shown is not too early.
	e.NextTry = now.UTC().Add(max(step, retryAfter) + time.Second - 1).Truncate(time.Second)
	return *e, r.write()
}

// forget drops what is remembered of a name, after a success.
func (r *acmeRefusals) forget(directory, domain string) error {
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
func (r *acmeRefusals) write() error {
	if len(r.entries) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	slices.SortFunc(r.entries, func(a, b acmeRefusal) int {
		return strings.Compare(a.Directory+" "+a.Domain, b.Directory+" "+b.Domain)
	})
	data, err := json.MarshalIndent(map[string]any{"refusals": r.entries}, "", "  ")
	if err != nil {
		return err
	}
	// CreateTemp gives the file mode 0600.
	f, err := os.CreateTemp(filepath.Dir(r.path), ".acme_refusals-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), r.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// unreachableWait is the wait after the n-th attempt in a row, counted from 0, that found the CA unreachable. Such
// attempts count against no limit, so the wait only has to leave several attempts before the certificate expires: a
// quarter of the remaining life, at least 1 s, at most 1 min · 2ⁿ and at most an hour. For a certificate near its end,
// a tenth of its lifetime replaces the remaining life.
func unreachableWait(n int, remaining, lifetime time.Duration) time.Duration {
	doubling := time.Minute << min(n, 6)
	return min(doubling, max(time.Second, max(remaining, lifetime/10)/4), time.Hour)
}
