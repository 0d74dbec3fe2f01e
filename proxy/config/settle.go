package config

import (
	"bytes"
	"os"
	"time"
)

const (
	// SettleWithin is how long a reload retries a file that is being replaced before it refuses (S-2.32).
	SettleWithin = time.Second
	// settlePause is the time between two tries.
	settlePause = 20 * time.Millisecond
	// settleQuiet is how long a file must have been unchanged. A program that writes in pieces pauses between them,
	// during which size, time and inode do not change although the file is incomplete.
	settleQuiet = 50 * time.Millisecond
)

// readSettledFile reads the file at path like ReadStableFile. While the file is being replaced, which means that it
// changes, has just been written, is missing or is empty, it tries again for up to SettleWithin, or until stop is
// closed. The error is that of the last try.
func readSettledFile(path string, limit int64, stop <-chan struct{}) ([]byte, error) {
	return untilSettled(stop, func() (data []byte, err error, settled bool) {
		data, err = ReadStableFile(path, limit, nil)
		switch {
		case err != nil:
			return nil, err, err != errChangedWhileRead && err != ErrNoFile
		case len(bytes.TrimSpace(data)) == 0:
			return data, nil, false
		case writtenWithin(path, settleQuiet):
			return nil, errChangedWhileRead, false
		}
		return data, nil, true
	})
}

// untilSettled calls read until it reports a settled file, SettleWithin is over, or stop is closed. It returns the last
// results of read.
func untilSettled(stop <-chan struct{}, read func() (data []byte, err error, settled bool)) ([]byte, error) {
	deadline := time.Now().Add(SettleWithin)
	for {
		data, err, settled := read()
		if settled || !time.Now().Before(deadline) {
			return data, err
		}
		select {
		case <-time.After(settlePause):
		case <-stop:
			return data, err
		}
	}
}

// writtenWithin reports whether the file at path was written less than d ago. It ignores a time in the future.
func writtenWithin(path string, d time.Duration) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true // it was there a moment ago
	}
	age := time.Since(info.ModTime())
	return age >= 0 && age < d
}
