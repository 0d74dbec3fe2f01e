package acmecert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/proxy/clock"
)

const (
	// lockPrefix begins the names of lock files. A host name has no underscore, so no certificate has such a name.
	lockPrefix = "acme_lock+"
	// lockPoll is the time between two tries to take a lock that another process holds.
	lockPoll = 200 * time.Millisecond
	// lockPatience bounds the wait for another process, which may have been stopped. It is longer than an attempt.
	lockPatience = attemptTimeout + time.Minute
)

var (
	// errLocked is the error of a lock that another process holds.
	errLocked = errors.New("locked")
	// errNoLock is the error of a directory in which nothing can be locked, because it cannot be written or its disk hangs.
	errNoLock = errors.New("the lock cannot be taken")
)

// dirLocks are the locks in a cache directory. Each is a file with the pid of its holder (S-20.6). The kernel
// releases a lock when its process ends, however that happens.
type dirLocks struct{ *disk }

// dirLock is a lock that this process holds.
type dirLock struct{ file *os.File }

// release removes the lock's file and then releases the lock.
func (l *dirLock) release() {
	if l == nil || l.file == nil {
		return
	}
	os.Remove(l.file.Name()) // while it is still locked: no other process can hold this file
	l.file.Close()
}

// take takes a lock. If another process holds it, take calls waits once with its pid and waits. On a file system
// without locks it returns an empty lock, so that certificates can be ordered there too.
func (d dirLocks) take(ctx context.Context, name string, waits func(pid int)) (*dirLock, error) {
	began, told := time.Now(), false
	for {
		lock, pid, err := d.try(ctx, name)
		if !errors.Is(err, errLocked) {
			return lock, err
		}
		if !told && waits != nil {
			waits(pid)
		}
		told = true
		if time.Since(began) > lockPatience {
			return nil, fmt.Errorf("process %d has held %s for %s; see what it waits for", pid, d.path(name), lockPatience)
		}
		if !clock.Sleep(ctx, lockPoll) {
			return nil, context.Cause(ctx)
		}
	}
}

// try takes a lock if no other process holds it. If the disk hangs and the lock is only taken after try has given up, it
// is released at once.
func (d dirLocks) try(ctx context.Context, name string) (*dirLock, int, error) {
	pid := 0
	lock, err := onDisk(ctx, d.disk, func() (lock *dirLock, err error) {
		lock, pid, err = d.open(name)
		return lock, err
	}, (*dirLock).release)
	if _, hangs := errors.AsType[hangError](err); hangs {
		err = fmt.Errorf("%w: %w", errNoLock, err)
	}
	if !errors.Is(err, errLocked) {
		return lock, 0, err
	}
	return nil, pid, err
}

func (d dirLocks) path(name string) string {
	return filepath.Join(d.dir, filepath.Clean("/"+lockPrefix+name))
}

// open opens the file of a lock and locks it.
func (d dirLocks) open(name string) (lock *dirLock, pid int, err error) {
	path := d.path(name)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w", errNoLock, err)
		}
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			pid := holder(f)
			f.Close()
			return nil, pid, errLocked
		case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
			f.Close()
			return &dirLock{}, 0, nil
		case err != nil:
			f.Close()
			return nil, 0, fmt.Errorf("%w: %s: %w", errNoLock, path, err)
		}
		if isAt(f, path) {
			// The pid is only for people: the lock is taken even if a full disk leaves no room for it.
			if f.Truncate(0) == nil {
				f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
			}
			return &dirLock{f}, 0, nil
		}
		f.Close() // its holder removed it after it was opened
	}
}

// isAt reports whether the path still leads to an open file.
func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}

// holder returns the process that a lock's file names; 0 if it names none.
func holder(f *os.File) int {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}
