package proxy

import "sync/atomic"

// preparedTable is the certificates of one listener that a reload has read or made, and not yet put to use.
type preparedTable struct {
	table *certTable
	place *atomic.Pointer[certTable]
}

// commit puts the certificates to use.
func (p preparedTable) commit() { p.place.Store(p.table) }

// preparedTables are those of all listeners, by their index; nil for one in ACME mode, whose certificates come and go
// by renewal alone.
type preparedTables []*preparedTable

// commit puts all of them to use.
func (all preparedTables) commit() {
	for _, prepared := range all {
		if prepared != nil {
			prepared.commit()
		}
	}
}

// tables are the certificates as they will be in use.
func (all preparedTables) tables() []*certTable {
	tables := make([]*certTable, len(all))
	for i, prepared := range all {
		if prepared != nil {
			tables[i] = prepared.table
		}
	}
	return tables
}
