package proxy

import "errors"

// prepareCertificates reads or makes anew the certificates of every listener that can change at a reload (S-3.5) and
// returns what puts all of them to use. With an error nothing has changed, and nothing will.
func (all listeners) prepareCertificates(dynamic *DynamicConfig) (commit func(), err error) {
	var commits []func()
	var problems ConfigErrors
	var errs []error
	for _, l := range all {
		var commitOne func()
		var err error
		switch source := l.source.(type) {
		case *manualSource:
			commitOne, err = source.prepare()
		case *selfSignedSource:
			commitOne, err = source.prepare(dynamic.hosts(l.index))
		default:
			continue // ACME: certificates come and go by renewal alone
		}
		var refused ConfigErrors
		switch {
		case errors.As(err, &refused):
			problems = append(problems, refused...)
		case err != nil:
			errs = append(errs, err)
		default:
			commits = append(commits, commitOne)
		}
	}
	if problems != nil {
		return nil, problems
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return func() {
		for _, commit := range commits {
			commit()
		}
	}, nil
}
