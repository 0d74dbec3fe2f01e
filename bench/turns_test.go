//go:build linux

package main

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestOnlyLoadsThatWaitForTheirAnswersTakeTurns(t *testing.T) {
	want := map[string]bool{"h1-tls-1k": true, "h2-tls-1k": true, "tls-handshake": true, "ws-tunnel": true, "h2-tls-page": true,
		"idle-memory": false, "latency": false, "paced-3k": false, "sse": false}
	found := 0
	for _, sc := range scenarios() {
		turns, listed := want[sc.name]
		if !listed {
			continue
		}
		found++
		comparing, usual := bench{settings: settings{noise: true}}, bench{}
		if got := comparing.takesTurns(sc); got != turns {
			t.Errorf("%s: got turns %t, want %t", sc.name, got, turns)
		}
		if usual.takesTurns(sc) {
			t.Errorf("%s: got turns in a run that compares no builds, want none", sc.name)
		}
	}
	if found != len(want) {
		t.Errorf("found %d of the %d scenarios", found, len(want))
	}
}

// stoppedLoad starts a process that is stopped at once, as a load that takes turns is.
func stoppedLoad(t *testing.T, program string, args ...string) *loadRun {
	t.Helper()
	l := &loadRun{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.cmd.Process.Kill() // fails only if it has ended
		<-l.ended
	})
	if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	go func() {
		l.err = l.cmd.Wait()
		close(l.ended)
	}()
	return l
}

func TestTurnsGoOnUntilAllLoadsHaveEnded(t *testing.T) {
	loads := []*loadRun{stoppedLoad(t, "sleep", "0.3"), stoppedLoad(t, "true"), stoppedLoad(t, "sleep", "0.1")}
	takeTurns(t.Context(), loads)
	for i, l := range loads {
		select {
		case <-l.ended:
			if l.err != nil {
				t.Errorf("load %d: %v", i, l.err)
			}
		default:
			t.Errorf("load %d has not ended", i)
		}
	}
}

func TestTurnsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*turnTime)
	defer cancel()
	began := time.Now()
	takeTurns(ctx, []*loadRun{stoppedLoad(t, "sleep", "100"), stoppedLoad(t, "sleep", "100")})
	if took := time.Since(began); took > 50*time.Second {
		t.Errorf("took %v, want it to end with the context", took)
	}
}
