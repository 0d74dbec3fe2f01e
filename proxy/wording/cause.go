package wording

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
)

// Cause returns the innermost part of an error of the system or of the network: `connection refused` rather than a chain
// of prefixes that repeats the path or the address, which the message names itself, and a port that differs every time.
func Cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		err = e.Err
	}
	return err
}
