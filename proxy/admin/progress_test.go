package admin

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"
)

func TestAReloadThatWaitsForCertificatesIsFollowed(t *testing.T) {
	var polls atomic.Int32
	finished := make(chan struct{})
	handlers := plainHandlers()
	handlers.Status = func() Status {
		switch polls.Add(1) {
		case 1:
			return Status{Orders: &OrdersStatus{Waiting: []string{"a.test", "b.test"}}}
		case 2, 3:
			return Status{Orders: &OrdersStatus{Done: []string{"b.test"}, Waiting: []string{"a.test"}}}
		case 4:
			close(finished)
		}
		return Status{}
	}
	handlers.Reload = func(context.Context) ReloadResult {
		<-finished
		return ReloadResult{Status: StatusOK, Sites: 2, Difference: &Difference{Orders: []string{"a.test", "b.test"}}}
	}
	a := startServer(t, handlers, nil)
	var out, problems bytes.Buffer
	// The time for an answer is shorter than the reload takes: it counts from the last sign of progress.
	client := Client{Socket: a.path, Command: "reload", Text: true, Timeout: 3 * progressInterval, Stdout: &out, Stderr: &problems}
	if code := client.Run(t.Context()); code != 0 {
		t.Fatalf("got the exit code %d and %q, want 0", code, problems.String())
	}
	want := "certificate obtained: b.test (1 of 2)\ncertificate obtained: a.test (2 of 2)\n"
	if got := problems.String(); got != want {
		t.Errorf("got on stderr %q, want %q", got, want)
	}
}

func TestAReloadThatShowsNoProgressIsGivenUp(t *testing.T) {
	handlers := plainHandlers()
	handlers.Reload = func(ctx context.Context) ReloadResult { <-ctx.Done(); return ReloadResult{} }
	a := startServer(t, handlers, nil)
	var out, problems bytes.Buffer
	client := Client{Socket: a.path, Command: "reload", Timeout: 2 * progressInterval, Stdout: &out, Stderr: &problems}
	began := time.Now()
	if code := client.Run(t.Context()); code != 1 || !bytes.Contains(problems.Bytes(), []byte("no answer within")) {
		t.Errorf("got the exit code %d and %q after %v, want 1 and that no answer came", code, problems.String(), time.Since(began))
	}
}
