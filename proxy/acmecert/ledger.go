package acmecert

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ledgerPatience bounds the wait for another process that writes the file. After that the file is written without the
// lock, which may lose what the other process has just written.
const ledgerPatience = 2 * time.Second

// ledger remembers entries about names over restarts, in memory and in a file of the cache directory: a JSON object
// whose only field is the list of entries. The file's name is not a valid host name, so it is never that of a
// certificate. If several processes write the file, the changes of all are kept (S-20.6).
type ledger[E ledgerEntry] struct {
	disk  *disk
	path  string
	field string
	// turn is held by the operation that reads or writes the file, until the disk has answered.
	turn chan struct{}

	// mu guards the fields below. It is not held during I/O.
	mu      sync.Mutex
	entries map[ledgerKey]E
	// changed has the entries that changed since the file was last written, each with the number of its change.
	// changes counts all changes.
	changed map[ledgerKey]int
	changes int
}

// ledgerKey is what an entry is about.
type ledgerKey struct{ directory, domain string }

// ledgerEntry is what a ledger remembers about one name at one CA.
type ledgerEntry interface {
	comparable
	// about returns the CA's directory and the name.
	about() (directory, domain string)
	// possible reports whether the daemon could have written the entry.
	possible() bool
	// stale reports whether the entry is too old to matter, for example because its name was removed long ago.
	stale(now time.Time) bool
}

// newLedger returns the empty ledger of a file in the cache directory.
func newLedger[E ledgerEntry](d *disk, file, field string) ledger[E] {
	return ledger[E]{disk: d, path: filepath.Join(d.dir, file), field: field, turn: make(chan struct{}, 1), entries: map[ledgerKey]E{}, changed: map[ledgerKey]int{}}
}

// keyOf returns what an entry is about.
func keyOf[E ledgerEntry](e E) ledgerKey {
	directory, domain := e.about()
	return ledgerKey{directory, domain}
}

// read reads the entries of the file. A missing file is an empty one.
func (l *ledger[E]) read() (map[ledgerKey]E, error) {
	data, err := readFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[ledgerKey]E{}, nil
	}
	if err != nil {
		return map[ledgerKey]E{}, err
	}
	entries, err := parseEntries[E](l.field, data)
	return byKey(entries), err
}

// byKey maps what entries are about to the entries. If several are about the same, it takes the first.
func byKey[E ledgerEntry](entries []E) map[ledgerKey]E {
	keyed := make(map[ledgerKey]E, len(entries))
	for _, e := range entries {
		if _, ok := keyed[keyOf(e)]; !ok {
			keyed[keyOf(e)] = e
		}
	}
	return keyed
}

// parseEntries parses the contents of the file. It drops impossible and stale entries.
func parseEntries[E ledgerEntry](field string, data []byte) ([]E, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(data, &file); err != nil || file[field] == nil {
		return nil, err
	}
	var entries []E
	if err := json.Unmarshal(file[field], &entries); err != nil {
		return nil, err
	}
	now := time.Now()
	return slices.DeleteFunc(entries, func(e E) bool { return !e.possible() || e.stale(now) }), nil
}

// get returns what is remembered about a name.
func (l *ledger[E]) get(directory, domain string) (e E, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(directory, domain)
}

// find is get for a caller that holds mu.
func (l *ledger[E]) find(directory, domain string) (e E, ok bool) {
	e, ok = l.entries[ledgerKey{directory, domain}]
	return e, ok
}

// store remembers an entry in place of the earlier one about its name. The caller holds mu.
func (l *ledger[E]) store(e E) {
	if before, ok := l.find(e.about()); ok && before == e {
		return
	}
	l.entries[keyOf(e)] = e
	l.note(keyOf(e))
}

// drop removes the entries for which gone returns true. The caller holds mu.
func (l *ledger[E]) drop(gone func(E) bool) {
	for key, e := range l.entries {
		if gone(e) {
			delete(l.entries, key)
			l.note(key)
		}
	}
}

// note records a change that is not in the file yet. The caller holds mu.
func (l *ledger[E]) note(key ledgerKey) {
	l.changes++
	l.changed[key] = l.changes
}

// overlay returns the entries of the file with the changes that are not in it yet. The caller holds mu.
func (l *ledger[E]) overlay(file map[ledgerKey]E) map[ledgerKey]E {
	for key := range l.changed {
		if e, ok := l.entries[key]; ok {
			file[key] = e
		} else {
			delete(file, key)
		}
	}
	return file
}

// refresh reads the file again, which another process may have written or an operator removed. If it cannot be read,
// the entries in memory stay.
func (l *ledger[E]) refresh(ctx context.Context) {
	_ = l.onDisk(ctx, func() error {
		file, err := l.read()
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.entries = l.overlay(file)
		return nil
	})
}

// save writes what has changed. If no entry is left, it removes the file.
func (l *ledger[E]) save(ctx context.Context) error {
	l.mu.Lock()
	unchanged := len(l.changed) == 0
	l.mu.Unlock()
	if unchanged {
		return nil
	}
	return l.onDisk(ctx, l.merge)
}

// onDisk runs an operation on the file when it is its turn. It returns early if ctx ends or the disk hangs; an operation
// that has begun keeps the turn until the disk answers.
func (l *ledger[E]) onDisk(ctx context.Context, operation func() error) error {
	patient, cancel := context.WithTimeoutCause(ctx, diskPatience, hangError{l.disk.dir})
	defer cancel()
	select {
	case l.turn <- struct{}{}:
	case <-patient.Done():
		return context.Cause(patient)
	}
	if err := l.disk.hangs(); err != nil {
		<-l.turn
		return err
	}
	_, err := begin(ctx, l.disk, func() (struct{}, error) {
		defer func() { <-l.turn }()
		return struct{}{}, operation()
	}, nil)
	return err
}

// merge reads the file again and writes it with the changes. The caller holds the turn.
func (l *ledger[E]) merge() error {
	ctx, cancel := context.WithTimeout(context.Background(), ledgerPatience)
	defer cancel()
	lock, _ := dirLocks{l.disk}.take(ctx, filepath.Base(l.path), nil)
	defer lock.release()
	file, _ := l.read() // one that cannot be read is replaced
	l.mu.Lock()
	written := maps.Clone(l.changed)
	merged := l.overlay(file)
	l.mu.Unlock()
	if err := l.replace(slices.Collect(maps.Values(merged))); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, change := range written {
		if l.changed[key] == change {
			delete(l.changed, key)
		}
	}
	l.entries = l.overlay(merged)
	return nil
}

// replace writes the file.
func (l *ledger[E]) replace(entries []E) error {
	if len(entries) == 0 {
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	key := func(e E) string { directory, domain := e.about(); return directory + " " + domain }
	slices.SortFunc(entries, func(a, b E) int { return strings.Compare(key(a), key(b)) })
	data, err := json.MarshalIndent(map[string][]E{l.field: entries}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(l.path, append(data, '\n'))
}
