package admin

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/waittest"
)

// startWatch watches the socket until the returned function is called, which returns the exit code.
func startWatch(t *testing.T, socket string, out *waittest.Buffer, screen func() (int, int)) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	w := Watcher{Interval: 5 * time.Millisecond, Screen: screen,
		Client: Client{Socket: socket, Command: "status", Stdout: out, Stderr: new(waittest.Buffer)}}
	go func() { code <- w.Run(ctx) }()
	return func() int {
		cancel()
		return <-code
	}
}

func TestWatchGoesOnWhenTheDaemonGoesAwayAndComesBack(t *testing.T) {
	a := startServer(t, plainHandlers(), nil)
	out := new(waittest.Buffer)
	stop := startWatch(t, a.path, out, nil)
	waittest.For(t, "a second picture", func() bool { return strings.Count(out.String(), "process") > 1 })
	a.stop()
	waittest.For(t, "that the daemon is gone", func() bool {
		return strings.Contains(out.String(), "no status from "+a.path+": no such file or directory; is the daemon running")
	})
	path := answerOnce(t, func(conn net.Conn) { conn.Write([]byte(`{"status":"ok","version":"back"}` + "\n")) })
	if err := os.Rename(path, a.path); err != nil {
		t.Fatal(err)
	}
	waittest.For(t, "the daemon that is back", func() bool { return strings.Contains(out.String(), "version        back") })
	if code := stop(); code != exitcode.OK {
		t.Errorf("got the exit code %d, want 0", code)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("got %q, want no escape codes where there is no terminal", out)
	}
}

func TestWatchEndsWhileTheDaemonHangs(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{})
	defer close(release)
	path := answerOnce(t, func(net.Conn) { close(asked); <-release })
	out := new(waittest.Buffer)
	stop := startWatch(t, path, out, nil)
	<-asked
	began := time.Now()
	if code := stop(); code != exitcode.OK {
		t.Errorf("got the exit code %d, want 0", code)
	}
	if took := time.Since(began); took > watchTimeout-time.Second {
		t.Errorf("it ended after %v, want at once", took)
	}
	if out.String() != "" {
		t.Errorf("got %q, want nothing about a question that was broken off", out)
	}
}

func TestWatchRedrawsATerminalAndStaysOnIt(t *testing.T) {
	a := startServer(t, plainHandlers(), nil)
	out := new(waittest.Buffer)
	stop := startWatch(t, a.path, out, func() (int, int) { return 5, 20 })
	waittest.For(t, "two pictures", func() bool { return strings.Count(out.String(), clearBottom) > 1 })
	stop()
	picture, _, _ := strings.Cut(out.String(), clearBottom)
	want := []string{
		cursorHome + "version        - (re" + clearLine,
		"process        0, up" + clearLine,
		"configuration  -, in" + clearLine,
		"and 6 more lines" + clearLine, "",
	}
	if diff := cmp.Diff(want, strings.Split(picture, "\n")); diff != "" {
		t.Errorf("the picture differs (-want +got):\n%s", diff)
	}
}

func TestWatchFailsWhereNothingCanBeWritten(t *testing.T) {
	a := startServer(t, plainHandlers(), nil)
	var stderr bytes.Buffer
	w := Watcher{Interval: time.Hour, Client: Client{Socket: a.path, Command: "status", Stdout: failingWriter{}, Stderr: &stderr}}
	if code := w.Run(t.Context()); code != exitcode.Error || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("got the exit code %d and %q, want 1 and the cause", code, stderr.String())
	}
}

func TestLinesAreCutToTheScreen(t *testing.T) {
	for _, c := range []struct {
		name          string
		rows, columns int
		want          []string
	}{
		{"the lines fit", 3, 10, []string{"äbc", "de", "f"}},
		{"a line is too wide", 3, 2, []string{"äb", "de", "f"}},
		{"there are too many lines", 2, 20, []string{"äbc", "and 2 more lines"}},
		{"there is no room at all", 0, 0, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, fitScreen([]string{"äbc", "de", "f"}, c.rows, c.columns)); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchEndsWhereAnotherDaemonAnswers(t *testing.T) {
	handlers := plainHandlers()
	handlers.ConfigPath = "/etc/other.toml"
	a := startServer(t, handlers, nil)
	var stdout, stderr bytes.Buffer
	w := Watcher{Interval: time.Hour, Client: Client{Socket: a.path, Command: "status", Config: "/etc/mine.toml", Stdout: &stdout, Stderr: &stderr}}
	if code := w.Run(t.Context()); code != exitcode.Error || !strings.Contains(stderr.String(), "this daemon runs /etc/other.toml, not /etc/mine.toml") {
		t.Errorf("got the exit code %d and %q, want 1 and both files", code, stderr.String())
	}
	if stdout.Len() != 0 {
		t.Errorf("got %q on stdout, want nothing", stdout.String())
	}
}
