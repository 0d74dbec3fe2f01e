package proxy

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

func TestTheFirstSignalBeginsTheShutdownAndTheSecondEndsItsWait(t *testing.T) {
	t.Run("while the listeners serve", func(t *testing.T) { testStopSignals(t, false) })
	t.Run("after a listener has failed, which counts as no signal", func(t *testing.T) { testStopSignals(t, true) })
}

// testStopSignals sends three signals to stop. failed is whether the shutdown has begun before, because a listener failed.
func testStopSignals(t *testing.T, failed bool) {
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(nil, Options{}, nil, nil, nil, nil, nil, nil, nil, nil)
		signals, done := make(chan os.Signal, 3), make(chan struct{})
		defer close(done)
		go d.stopOnSignals(signals, done)
		if failed {
			d.beginStop()
		}
		for _, tt := range []struct {
			sent           os.Signal
			stops, hurries bool
		}{
			{syscall.SIGTERM, true, false},
			{syscall.SIGINT, true, true},
			{syscall.SIGTERM, true, true},
		} {
			signals <- tt.sent
			synctest.Wait()
			if stops, hurries := closed(d.stop), closed(d.hurry); stops != tt.stops || hurries != tt.hurries {
				t.Errorf("after %v: got stop %v and hurry %v, want %v and %v", tt.sent, stops, hurries, tt.stops, tt.hurries)
			}
		}
	})
}

// TestASlowActionDelaysNoOtherSignal reopens the log and stops while a reload waits.
func TestASlowActionDelaysNoOtherSignal(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:1", "")
	d.reloading.Lock() // reloads wait from now on
	for range 2 {
		d.hangups <- syscall.SIGHUP
		d.reopens <- syscall.SIGUSR1
	}
	waitFor(t, "two reopenings", func() bool { return strings.Count(d.log.String(), " LOG_REOPENED ") == 2 })
	d.signals <- syscall.SIGTERM
	waitFor(t, "the shutdown", func() bool { return closed(d.stop) })
	d.reloading.Unlock()
	d.stopWithin(t, patience)
	if got := strings.Count(d.log.String(), " CONFIG_RELOAD "); got != 1 {
		t.Errorf("got %d reloads, want 1: that which had begun before the shutdown; log:\n%s", got, d.log)
	}
}

// closed reports whether the channel is closed; nothing is ever sent on it.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
