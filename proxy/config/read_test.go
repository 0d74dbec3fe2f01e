package config

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

func TestFaultsOfTheFileAreOneErrorThatBeginsWithThePath(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	huge := configtest.WriteFile(t, dir, "huge", "")
	// A sparse file of 1 TiB: the test would not survive reading it whole.
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"a file that is not there is refused", filepath.Join(dir, "gone"), "no such file; create it or correct the path"},
		{"a directory is refused", dir, "is a directory; a regular file is needed"},
		{"a named pipe without a writer is refused", fifo, "is a named pipe; a regular file is needed"},
		{"a socket is refused", filepath.Join(dir, "socket"), "is a socket; a regular file is needed"},
		{"a device without an end is refused", "/dev/zero", "is a device; a regular file is needed"},
		{"a link to itself is refused", loop, "cannot be read: too many levels of symbolic links"},
		{"a path through a file is refused", huge + "/config.toml", "cannot be read: not a directory"},
		{"a huge file is refused", huge, "is 1099511627776 bytes long; at most 1048576 are read"},
		{"a file that is one byte too long is refused", configtest.WriteFile(t, dir, "long", strings.Repeat("#", 1<<20+1)),
			"is 1048577 bytes long; at most 1048576 are read"},
		{"an empty file is refused", configtest.WriteFile(t, dir, "empty", ""),
			"is empty; a configuration has at least [rate_limit], [body] and one [[listeners]]"},
		{"a file of white space is refused", configtest.WriteFile(t, dir, "blank", " \n\t\n"),
			"is empty; a configuration has at least [rate_limit], [body] and one [[listeners]]"},
		{"a file with a zero byte is refused", configtest.WriteFile(t, dir, "zero", "a = 1\n\x00"),
			"is binary: a zero byte at offset 6; a configuration is TOML, in UTF-8"},
		{"a file in Latin-1 is refused", configtest.WriteFile(t, dir, "latin", "# fine\n# b\xfccher\n"),
			"is not UTF-8: byte 0xfc at offset 10 (line 2); save it as UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(c.path, false)
			if diff := cmp.Diff([]string{c.path + ": " + c.want}, configErrorLines(t, "\x00", err)); diff != "" {
				t.Errorf("the errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFileThatTheUserMayNotReadIsAnErrorOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	path := configtest.WriteFile(t, dir, "config.toml", configtest.Minimal)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		// Root can read everything, so this thread gives up root's rights for files. It ends with the goroutine,
		// because it is never unlocked.
		runtime.LockOSThread()
		syscall.Setfsuid(65534)
		defer syscall.Setfsuid(0)
	}
	_, err := Load(path, false)
	want := []string{path + ": permission denied; let the user that runs the proxy read it"}
	if diff := cmp.Diff(want, configErrorLines(t, "\x00", err)); diff != "" {
		t.Errorf("the errors differ (-want +got):\n%s", diff)
	}
}

func TestAFileThatChangesWhileItIsReadIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(path string) error
	}{
		{"it gets longer", func(path string) error {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteString("more")
			return err
		}},
		{"it is cut short, its time kept", func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if err := os.Truncate(path, 1); err != nil {
				return err
			}
			return os.Chtimes(path, info.ModTime(), info.ModTime())
		}},
		{"only its time changes", func(path string) error {
			return os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute))
		}},
		{"another file of the same size and time takes its place", func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			other := path + ".new"
			if err := os.WriteFile(other, []byte("TEXT"), 0o600); err != nil {
				return err
			}
			if err := os.Chtimes(other, info.ModTime(), info.ModTime()); err != nil {
				return err
			}
			return os.Rename(other, path)
		}},
		{"it goes away", os.Remove},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := configtest.WriteFile(t, t.TempDir(), "file", "text")
			_, err := ReadStableFile(path, 100, func() {
				if err := c.change(path); err != nil {
					t.Error(err)
				}
			})
			if err != errChangedWhileRead {
				t.Errorf("got the error %v, want %v", err, errChangedWhileRead)
			}
		})
	}
}

func TestAFileThatStaysIsRead(t *testing.T) {
	dir := t.TempDir()
	path := configtest.WriteFile(t, dir, "file", "text")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		data, err := ReadStableFile(name, 4, nil)
		if err != nil || !bytes.Equal(data, []byte("text")) {
			t.Errorf("%s: got %q and the error %v, want \"text\" and none", name, data, err)
		}
	}
}

// TestLoadConfigRefusesAFileThatIsRewrittenAllTheTime runs a writer that does not stop before the first refusal.
func TestLoadConfigRefusesAFileThatIsRewrittenAllTheTime(t *testing.T) {
	text := []byte(configtest.Minimal + strings.Repeat("# padding\n", 80_000))
	path := configtest.WriteFile(t, t.TempDir(), "config.toml", string(text))
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				done <- err
				return
			}
		}
	}()
	want := path + ": changed while being read, please retry"
	deadline := time.Now().Add(time.Minute)
	var last error
	seen := false
	for !seen && time.Now().Before(deadline) {
		_, last = Load(path, false)
		seen = last != nil && last.Error() == want
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !seen {
		t.Errorf("got the error %v at last, want %q once", last, want)
	}
}
