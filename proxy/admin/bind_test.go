package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/sockettest"
)

func TestBindAdminSocketMakesAPrivateSocketAndCloseRemovesIt(t *testing.T) {
	for _, setup := range []struct {
		name  string
		stale bool
	}{{"where nothing was", false}, {"in place of a stale socket", true}} {
		t.Run(setup.name, func(t *testing.T) {
			path := filepath.Join(sockettest.Dir(t), "admin.sock")
			if setup.stale {
				sockettest.MakeStale(t, path)
			}
			s, err := Bind(path)
			if err != nil {
				t.Fatalf("bindAdminSocket: got error %v, want none", err)
			}
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := info.Mode(), fs.ModeSocket|socketMode; got != want {
				t.Errorf("mode of the socket: got %v, want %v", got, want)
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Errorf("Close: got error %v, want none", err)
				}
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Close: got %v for the path, want that it does not exist", err)
			}
		})
	}
}

func TestBindAdminSocketModeDoesNotDependOnTheUmask(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(sockettest.Dir(t), "admin.sock")
	s, err := Bind(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != socketMode {
		t.Errorf("mode under umask 0: got %o, want %o", got, socketMode)
	}
}

func TestBindAdminSocketLeavesALivingSocketAlone(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(sockettest.Dir(t), "admin.sock")
			var closer interface{ Close() error }
			var err error
			if network == "unix" {
				closer, err = net.Listen(network, path)
			} else {
				closer, err = net.ListenPacket(network, path)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			_, err = Bind(path)
			if !errors.Is(err, ErrLive) {
				t.Errorf("got error %v, want errAdminSocketLive", err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "admin_socket_path: "+path) {
				t.Errorf("got error %q, want it to begin with the key and the path", err)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("the living socket is gone: %v", err)
			}
		})
	}
}

func TestBindAdminSocketLeavesEverythingElseUntouched(t *testing.T) {
	tests := []struct {
		name string
		make func(dir, path string) error
		kind string
		// check reports whether what was made is still there.
		check func(dir, path string) error
	}{
		{
			name:  "a regular file stays",
			make:  func(_, path string) error { return os.WriteFile(path, []byte("precious"), 0o644) },
			kind:  "regular file",
			check: func(_, path string) error { return wantFile(path, "precious") },
		},
		{
			name:  "a directory stays",
			make:  func(_, path string) error { return os.Mkdir(path, 0o755) },
			kind:  "directory",
			check: func(_, path string) error { _, err := os.ReadDir(path); return err },
		},
		{
			name: "a symbolic link to a file stays, and the file",
			make: func(dir, path string) error {
				target := filepath.Join(dir, "target")
				return errors.Join(os.WriteFile(target, []byte("precious"), 0o644), os.Symlink(target, path))
			},
			kind: "symbolic link",
			check: func(dir, path string) error {
				_, err := os.Readlink(path)
				return errors.Join(err, wantFile(filepath.Join(dir, "target"), "precious"))
			},
		},
		{
			name: "a symbolic link to a stale socket stays, and the socket",
			make: func(dir, path string) error {
				target := filepath.Join(dir, "target")
				ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: target, Net: "unix"})
				if err != nil {
					return err
				}
				ln.SetUnlinkOnClose(false)
				return errors.Join(ln.Close(), os.Symlink(target, path))
			},
			kind: "symbolic link",
			check: func(dir, path string) error {
				_, linkErr := os.Readlink(path)
				_, socketErr := os.Lstat(filepath.Join(dir, "target"))
				return errors.Join(linkErr, socketErr)
			},
		},
		{
			name:  "a symbolic link to nothing stays",
			make:  func(dir, path string) error { return os.Symlink(filepath.Join(dir, "nothing"), path) },
			kind:  "symbolic link",
			check: func(_, path string) error { _, err := os.Readlink(path); return err },
		},
		{
			name:  "a named pipe stays",
			make:  func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
			kind:  "named pipe",
			check: func(_, path string) error { _, err := os.Lstat(path); return err },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := sockettest.Dir(t)
			path := filepath.Join(dir, "admin.sock")
			if err := tt.make(dir, path); err != nil {
				t.Fatal(err)
			}
			_, err := Bind(path)
			var keyErr config.KeyError
			if !errors.As(err, &keyErr) || keyErr.Key != "admin_socket_path" {
				t.Fatalf("got error %v, want a KeyError of admin_socket_path", err)
			}
			if !strings.Contains(keyErr.Problem, path) || !strings.Contains(keyErr.Problem, tt.kind) {
				t.Errorf("got %q, want the path and %q in it", keyErr.Problem, tt.kind)
			}
			if err := tt.check(dir, path); err != nil {
				t.Errorf("it was touched: %v", err)
			}
		})
	}
}

// wantFile checks that the file at path holds want.
func wantFile(path, want string) error {
	got, err := os.ReadFile(path)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%s: got %q, want %q", path, got, want)
	}
	return err
}

func TestBindAdminSocketFailuresNameTheCause(t *testing.T) {
	dir := sockettest.Dir(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"the directory is missing", filepath.Join(dir, "missing", "admin.sock"), "no such file or directory; create its directory"},
		{"the directory is a file", filepath.Join(dir, "file", "admin.sock"), "not a directory; create its directory"},
		{"the path is too long for a socket", filepath.Join(dir, strings.Repeat("x", 120)), "invalid argument; choose a path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Bind(tt.path)
			want := "admin_socket_path: " + tt.path + ": " + tt.want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got error %v, want one beginning with %q", err, want)
			}
		})
	}
}

func TestAdminSocketCloseLeavesWhatIsNoLongerItsOwn(t *testing.T) {
	path := filepath.Join(sockettest.Dir(t), "admin.sock")
	first, err := Bind(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := Bind(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := first.Close(); err != nil {
		t.Errorf("Close of the first: got error %v, want none", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the second socket: got %v, want that it still answers", err)
	}
	conn.Close()
}
