package cert

import "sync/atomic"

// Prepared holds the certificates of one listener that a reload has read or made, and not yet put to use.
type Prepared struct {
	table *Table
	place *atomic.Pointer[Table]
}

// Commit puts the certificates to use.
func (p Prepared) Commit() { p.place.Store(p.table) }

// PreparedAll holds those of all listeners, by index; nil for a listener in ACME mode, whose certificates change only
// by renewal.
type PreparedAll []*Prepared

// Commit puts all of them to use.
func (all PreparedAll) Commit() {
	for _, prepared := range all {
		if prepared != nil {
			prepared.Commit()
		}
	}
}

// Tables returns the certificates as they will be in use.
func (all PreparedAll) Tables() []*Table {
	tables := make([]*Table, len(all))
	for i, prepared := range all {
		if prepared != nil {
			tables[i] = prepared.table
		}
	}
	return tables
}
