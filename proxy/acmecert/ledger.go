package acmecert

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// ledger remembers something about names over restarts: in memory and in a file of the cache directory, which is a JSON
// object with the list as its only field. The name of the file is not a valid host name, so it cannot be that of a
// certificate.
type ledger[E ledgerEntry] struct {
	path  string
	field string

	// mu guards what follows. It is held while the file is written.
	mu      sync.Mutex
	entries []E
	// unwritten reports whether the file lacks what is in memory.
	unwritten bool
}

// ledgerEntry is what a ledger remembers about one name at one CA.
type ledgerEntry interface {
	comparable
	// about returns the CA's directory and the name.
	about() (directory, domain string)
	// possible reports whether the daemon could have written the entry.
	possible() bool
}

// read reads the entries of the file. Without a file there are none.
func (l *ledger[E]) read() ([]E, error) {
	data, err := readFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseEntries[E](l.field, data)
}

// parseEntries reads the file's content. Impossible entries are dropped.
func parseEntries[E ledgerEntry](field string, data []byte) ([]E, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil || file[field] == nil {
		return nil, err
	}
	var entries []E
	if err := json.Unmarshal(file[field], &entries); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e E) bool { return !e.possible() }), nil
}

// get returns what is remembered about a name.
func (l *ledger[E]) get(directory, domain string) (e E, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(directory, domain)
}

// find is get for a caller that holds mu.
func (l *ledger[E]) find(directory, domain string) (e E, ok bool) {
	if i := l.index(directory, domain); i >= 0 {
		return l.entries[i], true
	}
	return e, false
}

func (l *ledger[E]) index(directory, domain string) int {
	return slices.IndexFunc(l.entries, func(e E) bool {
		d, name := e.about()
		return d == directory && name == domain
	})
}

// store remembers an entry in place of the earlier one about its name. The caller holds mu.
func (l *ledger[E]) store(e E) {
	switch i := l.index(e.about()); {
	case i < 0:
		l.entries = append(l.entries, e)
	case l.entries[i] == e:
		return
	default:
		l.entries[i] = e
	}
	l.unwritten = true
}

// drop forgets the entries for which gone is true. The caller holds mu.
func (l *ledger[E]) drop(gone func(E) bool) {
	before := len(l.entries)
	l.entries = slices.DeleteFunc(l.entries, gone)
	l.unwritten = l.unwritten || len(l.entries) != before
}

// write replaces the file if it lacks what is in memory, and removes it if nothing is left to remember. The caller holds
// mu.
func (l *ledger[E]) write() error {
	if !l.unwritten {
		return nil
	}
	err := l.replace()
	l.unwritten = err != nil
	return err
}

func (l *ledger[E]) replace() error {
	if len(l.entries) == 0 {
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	key := func(e E) string { directory, domain := e.about(); return directory + " " + domain }
	slices.SortFunc(l.entries, func(a, b E) int { return strings.Compare(key(a), key(b)) })
	data, err := json.MarshalIndent(map[string][]E{l.field: l.entries}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(l.path, append(data, '\n'))
}
