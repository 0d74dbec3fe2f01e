package proxy

import (
	"context"
	"errors"
	"os"
)

// isTimeout reports whether an upstream failed by a clock, which is a 504 where other failures are a 502.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
