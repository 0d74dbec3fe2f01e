package systemd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"reverse-proxy/proxy/sockettest"
	"reverse-proxy/proxy/systemd/systemdtest"
)

// startNotifier returns a notifier and its socket.
func startNotifier(t *testing.T) (*Notifier, *net.UnixConn) {
	t.Helper()
	path := filepath.Join(sockettest.Dir(t), "notify")
	conn := systemdtest.Listen(t, path)
	t.Setenv("NOTIFY_SOCKET", path)
	return NewNotifier(), conn
}

func TestNotifierReportsTheStatesOfALife(t *testing.T) {
	for _, kind := range []string{"a path", "an abstract name"} {
		t.Run(kind, func(t *testing.T) {
			name := filepath.Join(sockettest.Dir(t), "notify")
			if kind == "an abstract name" {
				name = "@reverse-proxy-test-" + strconv.Itoa(os.Getpid())
			}
			conn := systemdtest.Listen(t, name)
			t.Setenv("NOTIFY_SOCKET", name)
			n := NewNotifier()
			steps := []struct {
				do   func()
				want []string
			}{
				{func() { n.Status("provisioning\nREADY=1\x00") }, []string{"STATUS=provisioning READY=1 "}},
				{func() { n.ExtendTimeout(90 * time.Second) }, []string{"EXTEND_TIMEOUT_USEC=90000000"}},
				{func() {
					if err := n.Ready("3 sites"); err != nil {
						t.Errorf("Ready: got error %v, want none", err)
					}
				}, []string{"READY=1", "STATUS=3 sites"}},
				{n.Reloading, []string{"RELOADING=1", "MONOTONIC_USEC="}},
				{func() { n.Reloaded("2 sites") }, []string{"READY=1", "STATUS=2 sites"}},
				{n.Reloading, []string{"RELOADING=1", "MONOTONIC_USEC="}},
				{func() { n.Reloaded("failed: a: bad\nb: bad") }, []string{"READY=1", "STATUS=failed: a: bad b: bad"}},
				{func() { n.Stopping("draining", 40*time.Second) }, []string{"STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=40000000"}},
				{func() { n.Status("one request left") }, []string{"STATUS=one request left"}},
			}
			for i, step := range steps {
				step.do()
				lines := strings.Split(systemdtest.Next(t, conn, time.Minute), "\n")
				if len(lines) == 2 && strings.HasPrefix(lines[1], "MONOTONIC_USEC=") {
					if usec, err := strconv.ParseInt(lines[1][len("MONOTONIC_USEC="):], 10, 64); err != nil || usec <= 0 {
						t.Errorf("step %d: got %q, want a time in microseconds", i, lines[1])
					}
					lines[1] = "MONOTONIC_USEC="
				}
				if !slices.Equal(lines, step.want) {
					t.Errorf("step %d: got %q, want %q", i, lines, step.want)
				}
			}
		})
	}
}

func TestNotifierIgnoresWhatDoesNotFitTheState(t *testing.T) {
	tests := []struct {
		name   string
		before func(*Notifier)
		do     func(*Notifier)
	}{
		{"no reload is told before READY", func(*Notifier) {}, func(n *Notifier) { n.Reloading(); n.Reloaded("") }},
		{"READY is not told twice", func(n *Notifier) { n.Ready("") }, func(n *Notifier) { n.Ready("") }},
		{"the end of a reload that has not begun is not told", func(n *Notifier) { n.Ready("") }, func(n *Notifier) { n.Reloaded("") }},
		{"RELOADING is not told twice in one reload", func(n *Notifier) { n.Ready(""); n.Reloading() }, (*Notifier).Reloading},
		{"READY is not told after STOPPING", func(n *Notifier) { n.Stopping("", time.Second) }, func(n *Notifier) { n.Ready("") }},
		{"RELOADING is not told after STOPPING", func(n *Notifier) { n.Ready(""); n.Stopping("", time.Second) }, (*Notifier).Reloading},
		{"the end of a reload that STOPPING overtook is not told",
			func(n *Notifier) { n.Ready(""); n.Reloading(); n.Stopping("", time.Second) }, func(n *Notifier) { n.Reloaded("") }},
		{"STOPPING is not told twice", func(n *Notifier) { n.Stopping("", time.Second) }, func(n *Notifier) { n.Stopping("", time.Second) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, conn := startNotifier(t)
			tt.before(n)
			n.Status("before")
			for systemdtest.Next(t, conn, time.Minute) != "STATUS=before" {
			}
			tt.do(n)
			n.Status("after")
			if got := systemdtest.Next(t, conn, time.Minute); got != "STATUS=after" {
				t.Errorf("got %q, want nothing", got)
			}
		})
	}
}

func TestNotifierNeverSendsReadyAfterStopping(t *testing.T) {
	n, conn := startNotifier(t)
	if err := n.Ready(""); err != nil {
		t.Fatal(err)
	}
	messages := make(chan []string)
	go func() {
		var got []string
		for {
			message := systemdtest.Next(t, conn, time.Minute)
			if message == "" || message == "STATUS=end" {
				messages <- got
				return
			}
			got = append(got, message)
		}
	}()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				n.Reloading()
				n.Reloaded("")
			}
		})
	}
	wg.Go(func() { n.Stopping("", time.Second) })
	wg.Wait()
	n.Status("end")
	got := <-messages
	stopping := slices.Index(got, "STOPPING=1\nSTATUS=\nEXTEND_TIMEOUT_USEC=1000000")
	if stopping != len(got)-1 {
		t.Errorf("got STOPPING=1 at %d of %d messages, want it to be the last", stopping+1, len(got))
	}
}

func TestNotifierWithoutASocketIsSilent(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := NewNotifier()
	n.Status("x")
	n.ExtendTimeout(time.Second)
	if err := n.Ready("x"); err != nil {
		t.Errorf("Ready: got error %v, want none", err)
	}
	n.Reloading()
	n.Reloaded("x")
	n.Stopping("x", time.Second)
}

func TestNotifierReadyFailsWhenNobodyListens(t *testing.T) {
	dir := sockettest.Dir(t)
	tests := []struct{ name, socket, want string }{
		{"the socket is missing", filepath.Join(dir, "missing"), "no such file or directory"},
		{"an abstract name has no listener", "@reverse-proxy-nobody", "connection refused"},
		{"a path is relative", "notify", "neither an absolute path nor an abstract name"},
		{"an address is of another kind", "vsock:2:1234", "neither an absolute path nor an abstract name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", tt.socket)
			n := NewNotifier()
			n.Status("lost in silence")
			err := n.Ready("")
			if err == nil || !strings.HasPrefix(err.Error(), "NOTIFY_SOCKET: "+tt.socket) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that names NOTIFY_SOCKET, %s and %q", err, tt.socket, tt.want)
			}
		})
	}
}

func TestNotifierIsNotHeldUpByAManagerThatDoesNotRead(t *testing.T) {
	n, _ := startNotifier(t)
	begin := time.Now()
	// The socket's queue holds some messages (net.unix.max_dgram_qlen), and then a sender has to wait.
	var waited time.Duration
	for i := 0; waited < sendTimeout/2; i++ {
		if i == 10_000 {
			t.Skip("the queue of datagrams has no end here")
		}
		before := time.Now()
		n.Status("nobody reads this")
		waited = time.Since(before)
	}
	if took := time.Since(begin); took > 10*sendTimeout {
		t.Errorf("got %v until a full queue was given up, want about %v", took, sendTimeout)
	}
}

func TestWatchdogInterval(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, usec, pid string
		want            time.Duration
		wantErr         string
	}{
		{"nothing was asked for", "", "", 0, ""},
		{"only a pid asks for nothing", "", own, 0, ""},
		{"the interval is half a minute", "30000000", "", 30 * time.Second, ""},
		{"the interval is for this process", "30000000", own, 30 * time.Second, ""},
		{"the interval is for another process", "30000000", "1", 0, ""},
		{"the interval is not a number", "30s", "", 0, `WATCHDOG_USEC: "30s"`},
		{"the interval is zero", "0", "", 0, `WATCHDOG_USEC: "0"`},
		{"the interval is negative", "-1", "", 0, `WATCHDOG_USEC: "-1"`},
		{"the interval exceeds a duration", "9223372036854775807", "", 0, "WATCHDOG_USEC: "},
		{"the interval exceeds a number", "92233720368547758070", "", 0, "WATCHDOG_USEC: "},
		{"the pid is malformed", "30000000", "me", 0, `WATCHDOG_PID: "me"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("WATCHDOG_USEC", tt.usec)
			t.Setenv("WATCHDOG_PID", tt.pid)
			got, err := WatchdogInterval()
			if got != tt.want || (err == nil) != (tt.wantErr == "") {
				t.Fatalf("got %v with error %v, want %v with %q", got, err, tt.want, tt.wantErr)
			}
			if err != nil && !strings.HasPrefix(err.Error(), tt.wantErr) {
				t.Errorf("got error %q, want it to begin with %q", err, tt.wantErr)
			}
		})
	}
}

func TestWatchdogSendsSignsOfLifeUntilTheContextEnds(t *testing.T) {
	others := goleak.IgnoreCurrent()
	n, conn := startNotifier(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.RunWatchdog(ctx, 20*time.Millisecond, func(context.Context) bool { return true })
	}()
	for i := range 5 {
		if got := systemdtest.Next(t, conn, time.Minute); got != "WATCHDOG=1" {
			t.Errorf("sign %d: got %q, want WATCHDOG=1", i, got)
		}
	}
	cancel()
	<-done
	goleak.VerifyNone(t, others)
}
