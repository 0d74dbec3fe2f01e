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
	// writingPrefix begins the name of a file that is being written, and probePrefix that of one that shows that the cache
	// can be written.
	writingPrefix, probePrefix = ".writing-", ".write-test-"
	// leftoverAge is the age at which such a file is removed where nothing can be locked. A write takes less.
	leftoverAge = time.Hour
)

// createTemp creates a file with a random name in a directory, and locks it, which shows that a process is writing it. The
// kernel releases the lock when that process ends, in whatever way, or closes the file.
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
		f.Close() // another process that starts has taken it for a leftover
	}
	return nil, fmt.Errorf("%s: every new file is removed immediately; see which process does that", dir)
}

// removeLeftovers removes the files that a process was writing to a cache directory when it was killed. Those that a process
// is writing now are locked, and stay. Where nothing can be locked, only old ones are removed. What cannot be removed stays, and
// does no harm.
func removeLeftovers(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // the directory is about to be written, which reports the cause
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type().IsRegular() && (strings.HasPrefix(name, writingPrefix) || strings.HasPrefix(name, probePrefix)) {
			removeLeftover(filepath.Join(dir, name))
		}
	}
}

// removeLeftover removes a file unless a process is writing it. It holds the lock of the file while it does, so a process
// that has just created the file notices, and creates another one.
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
