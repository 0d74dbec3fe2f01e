package proxy

// errUnsent marks the failure of a connection that ended between its choice and the first byte of the request.
type errUnsent struct{ error }

// Unwrap returns the cause.
func (e errUnsent) Unwrap() error { return e.error }

// unsentIf marks the error of a write of which n bytes were written. Over TLS a failed write may have written a part of a
// record, which the upstream cannot decrypt.
func unsentIf(n int, err error) error {
	if err != nil && n == 0 {
		return errUnsent{err}
	}
	return err
}
