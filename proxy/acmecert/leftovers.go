package acmecert

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// writingPrefix begins the names of files that are being written, and probePrefix those of files that test
	// whether the cache can be written.
	writingPrefix, probePrefix = ".writing-", ".write-test-"
	// leftoverAge is the age at which such a file is removed on a file system without locks. A write takes less time.
	leftoverAge = time.Hour
)

// createTemp creates a file with a random name in a directory, and locks it to show that a process is writing it. The
// kernel releases the lock when the file is closed or the process ends.
func createTemp(dir, prefix string) (*os.File, error) {
	for range 10 {
		f, err := os.CreateTemp(dir, prefix)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && isAt(f, f.Name()) {
			return f, nil // locked, or on a file system without locks
		}
		f.Close() // a process that is starting took it for a leftover
	}
	return nil, fmt.Errorf("%s: every new file is removed immediately; see which process does that", dir)
}

// removeLeftovers removes files that a process was still writing to a cache directory when it was killed. It keeps
// those that are locked, because a process is writing them now. On a file system without locks it removes only old
// ones. It also removes unfinished orders that are too old to be finished. A file that cannot be removed does no harm.
func removeLeftovers(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the next write to the directory reports the cause
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type().IsRegular() && (strings.HasPrefix(name, writingPrefix) || strings.HasPrefix(name, probePrefix)) {
			removeLeftover(filepath.Join(dir, name))
		}
		if entry.Type().IsRegular() && strings.HasPrefix(name, unfinishedPrefix) {
			if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > unfinishedLife {
				os.Remove(filepath.Join(dir, name))
			}
		}
	}
}

// removeLeftover removes a file unless a process is writing it. It holds the file's lock meanwhile, so that a process
// that has just created the file notices and creates another one.
func removeLeftover(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return
	case err != nil:
		if info, err := f.Stat(); err != nil || time.Since(info.ModTime()) < leftoverAge {
			return
		}
	}
	if isAt(f, path) { // a file that has been renamed is complete
		os.Remove(path)
	}
}
