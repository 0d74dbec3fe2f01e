package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnOperationThatHangsDoesNotOutlastItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := make(chan struct{})
		defer close(stop)
		cause := errors.New("told to stop")
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if _, err := Within(ctx, func() (int, error) { <-stop; return 1, nil }); err != cause {
			t.Errorf("got %v, want %v", err, cause)
		}
		if got, err := Within(t.Context(), func() (int, error) { return 1, nil }); got != 1 || err != nil {
			t.Errorf("got %v, %v, want the result", got, err)
		}
	})
}
