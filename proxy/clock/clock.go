// Package clock waits for a time, a result or the end of a context, whichever comes first. It knows nothing of what is
// waited for.
package clock

import (
	"context"
	"time"
)

// Sleep sleeps for d, and reports whether ctx is still not done then.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
