package proxy

import (
	"crypto/tls"
	"time"
)

// manualSource serves the certificates of files (S-5.3). The files are read again at a reload and swapped as one
// (S-3.5).
type manualSource struct {
	localSource
	key   string
	files []CertificateFiles
}

// newManualSource loads the pairs. key is that of the listener's `tls` table, for errors.
func newManualSource(key, listener string, files []CertificateFiles) (*manualSource, error) {
	s := &manualSource{localSource: localSource{listener: listener, mode: TLSModeManual}, key: key, files: files}
	prepared, err := s.Prepare(nil)
	if err != nil {
		return nil, err
	}
	prepared.commit()
	return s, nil
}

// Prepare implements CertSource. It reads all files; one that is bad keeps all of them from being used.
func (s *manualSource) Prepare([]string) (*preparedTable, error) {
	certificates, problems := loadCertificatePairs(s.key, s.files, time.Now())
	if problems != nil {
		return nil, problems
	}
	return &preparedTable{newCertTable(certificates), &s.table}, nil
}

// loadCertificatePairs reads all pairs of a listener, whose `tls` table has the key, as they are at a time. There are
// either certificates, one for each pair, or problems.
func loadCertificatePairs(key string, files []CertificateFiles, at time.Time) ([]*tls.Certificate, ConfigErrors) {
	var certificates []*tls.Certificate
	var problems ConfigErrors
	for i, pair := range files {
		certificate, problem := loadCertificatePair(pair, at)
		if problem != nil {
			problems = append(problems, KeyError{Key: childKey(certificatePairKey(key, i), problem.Key), Problem: problem.Problem})
			continue
		}
		certificates = append(certificates, certificate)
	}
	if problems != nil {
		return nil, problems
	}
	return certificates, nil
}

// certificatePairKey is the key of the table of the i-th pair: the first one stands in the `tls` table itself.
func certificatePairKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return indexKey(childKey(key, "certificates"), i-1)
}
