package cert

import (
	"crypto/tls"
	"time"

	"reverse-proxy/proxy/config"
)

// Manual serves certificates from files (S-5.3). A reload reads all files again and swaps them together (S-3.5).
type Manual struct {
	local
	key   string
	files []config.CertificateFiles
}

// NewManual loads the pairs. key is the key of the listener's `tls` table, for errors.
func NewManual(key, listener string, files []config.CertificateFiles) (*Manual, error) {
	s := &Manual{local: local{listener: listener, mode: config.TLSModeManual}, key: key, files: files}
	prepared, err := s.Prepare(nil)
	if err != nil {
		return nil, err
	}
	prepared.Commit()
	return s, nil
}

// Prepare implements Source. It reads all files. If one is bad, it uses none.
func (s *Manual) Prepare([]string) (Prepared, error) {
	certificates, problems := LoadPairs(s.key, s.files, time.Now())
	if problems != nil {
		return nil, problems
	}
	return preparedTable{NewTable(certificates), &s.table}, nil
}

// LoadPairs reads all pairs of a listener and validates them at the given time. key is the key of the listener's
// `tls` table. It returns either certificates, one for each pair, or problems.
func LoadPairs(key string, files []config.CertificateFiles, at time.Time) ([]*tls.Certificate, config.Errors) {
	var certificates []*tls.Certificate
	var problems config.Errors
	for i, pair := range files {
		certificate, problem := config.LoadCertificatePair(pair, at)
		if problem != nil {
			problems = append(problems, config.KeyError{Key: config.ChildKey(PairKey(key, i), problem.Key), Problem: problem.Problem})
			continue
		}
		certificates = append(certificates, certificate)
	}
	if problems != nil {
		return nil, problems
	}
	return certificates, nil
}

// PairKey returns the key of the table of the i-th pair. The first is in the `tls` table itself.
func PairKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return config.IndexKey(config.ChildKey(key, "certificates"), i-1)
}
