package systemd

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// WatchdogInterval returns the interval within which the service manager expects a sign of life
// (sd_watchdog_enabled(3)): WATCHDOG_USEC in microseconds, or 0 if it is unset or WATCHDOG_PID names another process.
// A value that is not a number in range is an error that names its variable.
func WatchdogInterval() (time.Duration, error) {
	value := os.Getenv("WATCHDOG_USEC")
	if value == "" {
		return 0, nil
	}
	micros, err := strconv.ParseInt(value, 10, 64)
	if err != nil || micros <= 0 || micros > math.MaxInt64/int64(time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC: %q is not a number of microseconds above 0; "+
			"correct WatchdogSec= in the unit, or unset it", value)
	}
	if value := os.Getenv("WATCHDOG_PID"); value != "" {
		pid, err := strconv.Atoi(value)
		if err != nil || pid <= 0 {
			return 0, fmt.Errorf("WATCHDOG_PID: %q is not a process ID; correct or unset it", value)
		}
		if pid != os.Getpid() {
			return 0, nil
		}
	}
	return time.Duration(micros) * time.Microsecond, nil
}

// RunWatchdog sends WATCHDOG=1 at once and then twice in every interval, which is > 0, until ctx ends. Before each
// message it calls alive, which returns once the daemon is seen to make progress: a stuck daemon sends nothing.
func (n *Notifier) RunWatchdog(ctx context.Context, interval time.Duration, alive func(context.Context) bool) {
	ticker := time.NewTicker(max(interval/2, time.Millisecond))
	defer ticker.Stop()
	for {
		if !alive(ctx) {
			return
		}
		n.mu.Lock()
		n.send(daemon.SdNotifyWatchdog)
		n.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
