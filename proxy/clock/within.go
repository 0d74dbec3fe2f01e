package clock

import "context"

// Within returns the result of an operation, or the cause of the context's end if that comes first: a disk that hangs
// must not keep the daemon from ending. An abandoned operation ends when the disk answers, or with the process; its
// result is dropped.
func Within[T any](ctx context.Context, operation func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := operation()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
