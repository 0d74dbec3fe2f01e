package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/conformance/netns"
)

// scratchRoot is an isolated copy of this machine's root file system: an overlay whose changes are discarded at the
// end, with its own network. Packages are installed into it, and images built.
type scratchRoot struct {
	t *testing.T
	// dir is the root; changes holds what was changed in it.
	dir, changes string
	network      *netns.Network
}

func newScratchRoot(t *testing.T) *scratchRoot {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a copy of the machine to install packages into")
	}
	base, err := os.MkdirTemp("", "rp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(base) })
	mount := func(source, target, kind string, flags uintptr, data string) {
		t.Helper()
		if err := os.MkdirAll(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount(source, target, kind, flags, data); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("mount %s: %v; in CI it must be possible", kind, err)
			}
			t.Skipf("this user may not mount a %s: %v", kind, err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
	mount("none", base, "tmpfs", 0, "")
	s := &scratchRoot{t: t, dir: filepath.Join(base, "root"), changes: filepath.Join(base, "changes")}
	for _, name := range []string{"changes", "work"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("none", s.dir, "overlay", 0, fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s/work", s.changes, base))
	mount("none", s.path("/proc"), "proc", 0, "")
	mount("/dev", s.path("/dev"), "", syscall.MS_BIND, "")
	mount("none", s.path("/run"), "tmpfs", 0, "") // hides the machine's services
	if s.network, err = netns.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.network.Close() })
	return s
}

// path returns the machine's path of a path in the root.
func (s *scratchRoot) path(name string) string { return filepath.Join(s.dir, name) }

// command returns a shell command in the root, without any user's settings.
func (s *scratchRoot) command(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/bash", "-e", "-o", "pipefail", "-c", text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.dir, Pdeathsig: syscall.SIGKILL}
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=/root", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	return cmd
}

// try runs a shell command in the root to its end.
func (s *scratchRoot) try(text string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := s.command(ctx, text)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.network.Do(cmd.Start); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

// run is try for a command that must succeed.
func (s *scratchRoot) run(text string) string {
	s.t.Helper()
	out, err := s.try(text)
	if err != nil {
		s.t.Fatalf("%s: got %v, want success\n%s", text, err, out)
	}
	return out
}

// serves is servesFor with clients in the same root.
func (s *scratchRoot) serves(uid, gid int, clients ...string) {
	s.t.Helper()
	s.servesFor(s, uid, gid, clients...)
}

// servesFor runs the daemon of the root, as the user with the ids, until each of the clients' commands has succeeded, within
// a minute; then it stops the daemon, which must exit cleanly. The commands run in their own root, which has a shell.
func (s *scratchRoot) servesFor(machine *scratchRoot, uid, gid int, clients ...string) {
	s.t.Helper()
	daemon := exec.Command("/usr/bin/reverse-proxy")
	daemon.SysProcAttr = &syscall.SysProcAttr{
		Chroot: s.dir, Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
	}
	daemon.Dir = "/"
	var out strings.Builder
	daemon.Stdout, daemon.Stderr = &out, &out
	if err := s.network.Do(daemon.Start); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		_ = daemon.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			_ = daemon.Process.Kill()
			return errors.New("it has not ended within a minute")
		}
	}
	defer func() { _ = stop() }()
	for _, client := range clients {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			answer, err := machine.try(client)
			if err == nil {
				break
			}
			if len(ended) > 0 || time.Now().After(deadline) {
				_ = stop() // its output is read below
				s.t.Fatalf("%s: got %v and %q, want success; the daemon:\n%s", client, err, answer, out.String())
			}
		}
	}
	if err := stop(); err != nil {
		s.t.Errorf("got %v at the daemon's end, want exit code 0:\n%s", err, out.String())
	}
}

// owner returns the ids and the mode of a file.
func (s *scratchRoot) owner(name string) (uid, gid int, mode fs.FileMode) {
	s.t.Helper()
	info, err := os.Lstat(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid), info.Mode().Perm()
}

// user returns the ids of a user of the root.
func (s *scratchRoot) user(name string) (uid, gid int) {
	s.t.Helper()
	fields := strings.Split(strings.TrimSpace(s.run("getent passwd "+name)), ":")
	uid, err1 := strconv.Atoi(fields[2])
	gid, err2 := strconv.Atoi(fields[3])
	if err := errors.Join(err1, err2); err != nil {
		s.t.Fatal(err)
	}
	return uid, gid
}

// changed lists the differences from the machine: files that were created or changed, and removed ones with a leading
// "-".
func (s *scratchRoot) changed() []string {
	s.t.Helper()
	var changed []string
	err := filepath.WalkDir(s.changes, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, s.changes)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		_, missing := os.Lstat(name)
		switch {
		case name == "":
		case entry.IsDir():
			if missing != nil {
				changed = append(changed, name+"/")
			}
		case entry.Type()&fs.ModeCharDevice != 0 && info.Sys().(*syscall.Stat_t).Rdev == 0: // how an overlay marks a removed file
			if missing == nil {
				changed = append(changed, "-"+name)
			}
		case missing != nil || !sameFile(path, name):
			changed = append(changed, name)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return changed
}

// sameFile reports whether two files have the same contents.
func sameFile(a, b string) bool {
	read := func(path string) (string, error) {
		if target, err := os.Readlink(path); err == nil {
			return "-> " + target, nil
		}
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		text, err := io.ReadAll(file)
		return string(text), err
	}
	textA, errA := read(a)
	textB, errB := read(b)
	return errA == nil && errB == nil && textA == textB
}
