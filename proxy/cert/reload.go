package cert

import (
	"context"
	"sync/atomic"
)

// Prepared is what a reload is about to change in one listener's certificates.
type Prepared interface {
	// Missing lists the names for which a certificate has to be ordered first.
	Missing() []string
	// Obtain orders them, and calls done with each name that gets its certificate. The error has each name that does
	// not, with the cause.
	Obtain(ctx context.Context, done func(name string)) error
	// Commit puts the certificates to use.
	Commit()
	// Abandon ends a reload that is not committed.
	Abandon()
	// Table returns the certificates that Commit puts to use; nil if only renewals change them.
	Table() *Table
}

// preparedTable holds certificates that were read or made, and need no order.
type preparedTable struct {
	table *Table
	place *atomic.Pointer[Table]
}

func (p preparedTable) Missing() []string                          { return nil }
func (p preparedTable) Obtain(context.Context, func(string)) error { return nil }
func (p preparedTable) Commit()                                    { p.place.Store(p.table) }
func (p preparedTable) Abandon()                                   {}
func (p preparedTable) Table() *Table                              { return p.table }

// PreparedAll holds the Prepared of each listener, by index.
type PreparedAll []Prepared

// Missing lists the names for which certificates have to be ordered first, each once.
func (all PreparedAll) Missing() []string {
	var names []string
	seen := map[string]bool{}
	for _, prepared := range all {
		for _, name := range prepared.Missing() {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Commit puts all of them to use.
func (all PreparedAll) Commit() {
	for _, prepared := range all {
		prepared.Commit()
	}
}

// Abandon ends a reload that is not committed.
func (all PreparedAll) Abandon() {
	for _, prepared := range all {
		prepared.Abandon()
	}
}

// Tables returns the certificates as they will be in use.
func (all PreparedAll) Tables() []*Table {
	tables := make([]*Table, len(all))
	for i, prepared := range all {
		tables[i] = prepared.Table()
	}
	return tables
}
