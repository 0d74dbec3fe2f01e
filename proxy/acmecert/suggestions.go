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
)

// suggestionsFile is the file in the cache directory that remembers when the CA wants each certificate renewed, and the
// moment that was drawn. It is not a valid host name.
const suggestionsFile = "acme_renewals.json"

// suggestions remembers those of one cache directory, over restarts: a daemon that drew a new moment at every start
// would not renew evenly over the window (S-20.1).
type suggestions struct {
	path string

	mu      sync.Mutex
	entries []suggestion
	changed bool
}

// loadSuggestions reads the suggestions of a cache directory. Its result is never nil: on an error it starts empty.
func loadSuggestions(dir string) (*suggestions, error) {
	r := &suggestions{path: filepath.Join(dir, suggestionsFile)}
	data, err := readFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		r.entries, err = parseSuggestions(data)
	}
	if err != nil {
		return r, fmt.Errorf("%s: the moments of renewal are drawn anew: %w", r.path, err)
	}
	return r, nil
}

// parseSuggestions reads the file's content. Entries without a name or with an impossible window are dropped.
func parseSuggestions(data []byte) ([]suggestion, error) {
	var file struct {
		Renewals []suggestion `json:"renewals"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(file.Renewals, func(e suggestion) bool {
		return e.Directory == "" || e.Domain == "" ||
			e.Certificate != "" && (!e.Start.Before(e.End) || e.Moment.Before(e.Start) || e.Moment.After(e.End))
	}), nil
}

// get returns what is remembered of a name.
func (r *suggestions) get(directory, domain string) suggestion {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if e.Directory == directory && e.Domain == domain {
			return e
		}
	}
	return suggestion{Directory: directory, Domain: domain}
}

// put remembers a suggestion in place of the earlier one of its name. save writes it.
func (r *suggestions) put(s suggestion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.entries, func(e suggestion) bool { return e.Directory == s.Directory && e.Domain == s.Domain })
	switch {
	case i >= 0 && r.entries[i] == s:
		return
	case i >= 0:
		r.entries[i] = s
	default:
		r.entries = append(r.entries, s)
	}
	r.changed = true
}

// keep drops the suggestions of a CA for other names than those given.
func (r *suggestions) keep(directory string, names map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.entries)
	r.entries = slices.DeleteFunc(r.entries, func(e suggestion) bool { return e.Directory == directory && !names[e.Domain] })
	r.changed = r.changed || len(r.entries) != before
}

// save writes what has changed, for all names at once.
func (r *suggestions) save() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.changed {
		return nil
	}
	err := r.write()
	r.changed = err != nil
	return err
}

// write replaces the file. If nothing is remembered, there is no file.
func (r *suggestions) write() error {
	if len(r.entries) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	slices.SortFunc(r.entries, func(a, b suggestion) int {
		return strings.Compare(a.Directory+" "+a.Domain, b.Directory+" "+b.Domain)
	})
	data, err := json.MarshalIndent(map[string]any{"renewals": r.entries}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(r.path, append(data, '\n'))
}
