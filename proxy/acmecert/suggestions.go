package acmecert

import (
	"fmt"
	"path/filepath"
	"time"
)

// suggestionsFile is the file in the cache directory that remembers when the CA wants each certificate renewed, and the
// moment that was drawn.
const (
	suggestionsFile  = "acme_renewals.json"
	suggestionsField = "renewals"
)

// suggestions remembers the suggestions of one cache directory over restarts: a daemon that drew a new moment at every
// start would not renew evenly over the window (S-20.1).
type suggestions struct{ ledger[suggestion] }

// loadSuggestions reads the suggestions of a cache directory. Its result is never nil: on an error it starts empty.
func loadSuggestions(dir string) (*suggestions, error) {
	s := &suggestions{newLedger[suggestion](filepath.Join(dir, suggestionsFile), suggestionsField)}
	var err error
	if s.entries, err = s.read(); err != nil {
		return s, fmt.Errorf("%s: the moments of renewal are drawn anew: %w", s.path, err)
	}
	return s, nil
}

// about implements ledgerEntry.
func (s suggestion) about() (directory, domain string) { return s.Directory, s.Domain }

// possible implements ledgerEntry. An entry without a certificate has no window.
func (s suggestion) possible() bool {
	return s.Directory != "" && s.Domain != "" &&
		(s.Certificate == "" || s.Start.Before(s.End) && !s.Moment.Before(s.Start) && !s.Moment.After(s.End))
}

// suggestionAge is how long a suggestion is kept after its window, or after the renewal that it remembers: longer than any
// certificate lives that it could be about.
const suggestionAge = 400 * 24 * time.Hour

// stale implements ledgerEntry.
func (s suggestion) stale(now time.Time) bool {
	latest := s.End
	if s.Early.After(latest) {
		latest = s.Early
	}
	return !latest.IsZero() && now.Sub(latest) > suggestionAge
}

// get returns what is remembered about a name; an empty suggestion if nothing is.
func (s *suggestions) get(directory, domain string) suggestion {
	if e, ok := s.ledger.get(directory, domain); ok {
		return e
	}
	return suggestion{Directory: directory, Domain: domain}
}

// put remembers a suggestion in place of the earlier one for its name. save writes it.
func (s *suggestions) put(e suggestion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(e)
}

// forget drops the suggestions of a CA for names that are no longer served here. Those for other names may be another
// process's.
func (s *suggestions) forget(directory string, names map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(e suggestion) bool { return e.Directory == directory && names[e.Domain] })
}
