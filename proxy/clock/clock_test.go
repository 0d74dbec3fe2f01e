package clock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepEndsWithItsTimeOrItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		cancelAfter, took time.Duration
		want              bool
	}{
		"the time passes first":         {time.Hour, time.Minute, true},
		"the context ends first":        {time.Second, time.Second, false},
		"the context has already ended": {0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.cancelAfter)
				defer cancel()
				began := time.Now()
				if got := Sleep(ctx, time.Minute); got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
			})
		})
	}
}
