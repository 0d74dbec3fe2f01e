package proxy

import (
	"errors"
	"sync/atomic"
)

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

// certificates lists what all listeners have in use.
func (all listeners) certificates() []CertInfo {
	var infos []CertInfo
	for _, l := range all {
		infos = append(infos, l.source.Certificates()...)
	}
	return infos
}

// tables are the certificates in use, by the listeners' index; nil for one in ACME mode.
func (all listeners) tables() []*certTable {
	tables := make([]*certTable, len(all))
	for i, l := range all {
		switch source := l.source.(type) {
		case *manualSource:
			tables[i] = source.table.Load()
		case *selfSignedSource:
			tables[i] = source.table.Load()
		}
	}
	return tables
}

// prepareCertificates reads or makes anew the certificates of every listener that can change at a reload (S-3.5). With
// an error, and before they are committed, nothing has changed.
func (all listeners) prepareCertificates(dynamic *DynamicConfig) (preparedTables, error) {
	tables := make(preparedTables, len(all))
	var problems ConfigErrors
	var errs []error
	for i, l := range all {
		var prepared preparedTable
		var err error
		switch source := l.source.(type) {
		case *manualSource:
			prepared, err = source.prepare()
		case *selfSignedSource:
			prepared, err = source.prepare(dynamic.hosts(l.index))
		default:
			continue
		}
		var refused ConfigErrors
		switch {
		case errors.As(err, &refused):
			problems = append(problems, refused...)
		case err != nil:
			errs = append(errs, err)
		default:
			tables[i] = &prepared
		}
	}
	if problems != nil {
		return nil, problems
	}
	return tables, errors.Join(errs...)
}
