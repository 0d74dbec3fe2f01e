package acmecert

import (
	"fmt"
	"time"
)

// suggestionsFile is the file in the cache directory that remembers when the CA wants each certificate renewed, and
// the moment drawn from that window.
const (
	suggestionsFile  = "acme_renewals.json"
	suggestionsField = "renewals"
)

// suggestions remembers the suggestions of one cache directory over restarts: a daemon that drew a new moment at
// every start would not spread renewals evenly over the window (S-20.1).
type suggestions struct{ ledger[suggestion] }

// loadSuggestions reads the suggestions of a cache directory. The result is not nil even if there is an error; it is
// then empty.
func loadSuggestions(d *disk) (*suggestions, error) {
	s := &suggestions{newLedger[suggestion](d, suggestionsFile, suggestionsField)}
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

// suggestionAge is how long a suggestion is kept after its window, or after the renewal that it records: longer than
// the lifetime of any certificate.
const suggestionAge = 400 * 24 * time.Hour

// stale implements ledgerEntry.
func (s suggestion) stale(now time.Time) bool {
	latest := s.End
	if s.Early.After(latest) {
		latest = s.Early
	}
	return !latest.IsZero() && now.Sub(latest) > suggestionAge
}

// get returns the suggestion for a name, or an empty one.
func (s *suggestions) get(directory, domain string) suggestion {
	if e, ok := s.ledger.get(directory, domain); ok {
		return e
	}
	return suggestion{Directory: directory, Domain: domain}
}

// put replaces the suggestion for a name in memory. save writes it.
func (s *suggestions) put(e suggestion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store(e)
}

// forget removes a CA's suggestions for names that are no longer served here. Those for other names may belong to
// another process.
func (s *suggestions) forget(directory string, names map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(e suggestion) bool { return e.Directory == directory && names[e.Domain] })
}
