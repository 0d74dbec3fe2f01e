package proxy

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"
)

// manualSource serves the certificates of files (S-5.3). The files are read again at a reload and swapped as one
// (S-3.5).
type manualSource struct {
	listener string
	key      string
	files    []CertificateFiles
	table    atomic.Pointer[certTable]
}

// newManualSource loads the pairs. key is that of the listener's `tls` table, for errors.
func newManualSource(key, listener string, files []CertificateFiles) (*manualSource, error) {
	s := &manualSource{listener: listener, key: key, files: files}
	prepared, err := s.prepare()
	if err != nil {
		return nil, err
	}
	prepared.commit()
	return s, nil
}

// prepare reads the files. Nothing changes before their certificates are committed, and nothing at all when a file is
// bad.
func (s *manualSource) prepare() (preparedTable, error) {
	var certificates []*tls.Certificate
	var problems ConfigErrors
	for i, files := range s.files {
		key := s.key
		if i > 0 {
			key = fmt.Sprintf("%s.certificates[%d]", s.key, i-1)
		}
		certificate, problem := loadCertificatePair(files, time.Now())
		if problem != nil {
			problems = append(problems, KeyError{Key: key + "." + problem.Key, Problem: problem.Problem})
			continue
		}
		certificates = append(certificates, certificate)
	}
	if problems != nil {
		return preparedTable{}, problems
	}
	return preparedTable{newCertTable(certificates), &s.table}, nil
}

// Certificate implements CertSource.
func (s *manualSource) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	return s.table.Load().find(hello)
}

// Certificates implements CertSource.
func (s *manualSource) Certificates() []CertInfo {
	return s.table.Load().infos(s.listener, TLSModeManual)
}
