package proxy

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"reverse-proxy/proxy/sockettest"
	"reverse-proxy/proxy/systemd"
	"reverse-proxy/proxy/systemd/systemdtest"
)

func TestWatchdogIsSilentWhileTheDaemonIsStuck(t *testing.T) {
	d := startDaemon(t, "127.0.0.1:9", "")
	for _, tt := range []struct {
		name           string
		stick, unloose func()
	}{
		{"the account of the connections hangs", d.shared.conns.mu.Lock, d.shared.conns.mu.Unlock},
		{"the limiter hangs", d.shared.limits.limiter.LockAll, d.shared.limits.limiter.UnlockAll},
		{"the sweeper hangs", d.shared.conns.sweeper.LockAll, d.shared.conns.sweeper.UnlockAll},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(sockettest.Dir(t), "notify")
			conn := systemdtest.Listen(t, path)
			t.Setenv("NOTIFY_SOCKET", path)
			n := systemd.NewNotifier()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				n.RunWatchdog(ctx, 20*time.Millisecond, d.alive)
			}()
			next := func() string { return systemdtest.Next(t, conn, patience) }
			if got := next(); got != "WATCHDOG=1" {
				t.Errorf("got %q, want a sign of life", got)
			}
			tt.stick()
			// A check that was already over may still be reported, and a sweep that has begun satisfies one more.
			silent := false
			for range 4 {
				if silent = systemdtest.Next(t, conn, 500*time.Millisecond) == ""; silent {
					break
				}
			}
			tt.unloose()
			if !silent {
				t.Error("got signs of life of a daemon that is stuck, want none")
			}
			if got := next(); got != "WATCHDOG=1" {
				t.Errorf("got %q, want a sign of life again", got)
			}
			cancel()
			<-done
		})
	}
}
