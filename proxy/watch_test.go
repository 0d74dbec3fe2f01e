package proxy

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// startWatch watches the socket until the returned function is called, which returns the exit code.
func startWatch(t *testing.T, socket string, out *syncBuffer, screen func() (int, int)) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	w := watcher{interval: 5 * time.Millisecond, screen: screen,
		client: adminClient{socket: socket, command: "status", stdout: out, stderr: new(syncBuffer)}}
	go func() { code <- w.run(ctx) }()
	return func() int {
		cancel()
		return <-code
	}
}

func TestWatchGoesOnWhenTheDaemonGoesAwayAndComesBack(t *testing.T) {
	a := startAdmin(t, plainHandlers(), nil)
	out := new(syncBuffer)
	stop := startWatch(t, a.path, out, nil)
	waitFor(t, "a second picture", func() bool { return strings.Count(out.String(), "process") > 1 })
	a.stop()
	waitFor(t, "that the daemon is gone", func() bool {
		return strings.Contains(out.String(), "no status from "+a.path+": no such file or directory; is the daemon running")
	})
	path := answerOnce(t, func(conn net.Conn) { conn.Write([]byte(`{"status":"ok","version":"back"}` + "\n")) })
	if err := os.Rename(path, a.path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the daemon that is back", func() bool { return strings.Contains(out.String(), "version        back") })
	if code := stop(); code != exitOK {
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
	out := new(syncBuffer)
	stop := startWatch(t, path, out, nil)
	<-asked
	began := time.Now()
	if code := stop(); code != exitOK {
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
	a := startAdmin(t, plainHandlers(), nil)
	out := new(syncBuffer)
	stop := startWatch(t, a.path, out, func() (int, int) { return 5, 20 })
	waitFor(t, "two pictures", func() bool { return strings.Count(out.String(), clearBottom) > 1 })
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
	a := startAdmin(t, plainHandlers(), nil)
	var stderr bytes.Buffer
	w := watcher{interval: time.Hour, client: adminClient{socket: a.path, command: "status", stdout: failingWriter{}, stderr: &stderr}}
	if code := w.run(t.Context()); code != exitError || !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("got the exit code %d and %q, want 1 and the cause", code, stderr.String())
	}
}

func TestLinesAreCutToTheScreen(t *testing.T) {
	for _, c := range []struct {
		name          string
		rows, columns int
		want          []string
	}{
		{"they fit", 3, 10, []string{"äbc", "de", "f"}},
		{"too wide", 3, 2, []string{"äb", "de", "f"}},
		{"too many", 2, 20, []string{"äbc", "and 2 more lines"}},
		{"no room at all", 0, 0, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, fitScreen([]string{"äbc", "de", "f"}, c.rows, c.columns)); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(new(bytes.Buffer)) || screenOf(file) != nil {
		t.Error("a file and a buffer are taken for terminals")
	}
}

func TestWatchEndsWhereAnotherDaemonAnswers(t *testing.T) {
	handlers := plainHandlers()
	handlers.ConfigPath = "/etc/other.toml"
	a := startAdmin(t, handlers, nil)
	var stdout, stderr bytes.Buffer
	w := watcher{interval: time.Hour, client: adminClient{socket: a.path, command: "status", config: "/etc/mine.toml", stdout: &stdout, stderr: &stderr}}
	if code := w.run(t.Context()); code != exitError || !strings.Contains(stderr.String(), "this daemon runs /etc/other.toml, not /etc/mine.toml") {
		t.Errorf("got the exit code %d and %q, want 1 and both files", code, stderr.String())
	}
	if stdout.Len() != 0 {
		t.Errorf("got %q on stdout, want nothing", stdout.String())
	}
}
