package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"unicode/utf8"

	"reverse-proxy/proxy/wording"
)

// MaxBytes is the length above which a configuration file is refused unread: far above what a few hundred sites
// need, and low enough that a wrong path costs nothing.
const MaxBytes = 1 << 20

// errChangedWhileRead is the error for a file that is not the same before and after the read (S-2.30).
var errChangedWhileRead = errors.New("changed while being read, please retry")

// ErrNoFile is the error for a file that does not exist.
var ErrNoFile = errors.New("no such file; create it or correct the path")

// ReadStableFile reads the regular file at path, of at most limit bytes. It refuses a file whose size, modification
// time or inode changed during the read, because a half-written file must not be taken for the whole (S-2.30). It
// follows symbolic links and never blocks on a named pipe. beforeSecondLook, if not nil, runs between the read and
// the second check; tests use it to change the file. The errors do not name the path.
func ReadStableFile(path string, limit int64, beforeSecondLook func()) ([]byte, error) {
	before, err := statRegular(path, limit)
	if err != nil {
		return nil, err
	}
	// The file may have become a named pipe since it was checked; without O_NONBLOCK the open would then wait for a
	// writer forever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fileProblem(err)
	}
	defer file.Close()
	opened, err := file.Stat()
	if err != nil {
		return nil, fileProblem(err)
	}
	if !sameVersion(before, opened) {
		return nil, errChangedWhileRead
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fileProblem(err)
	}
	if beforeSecondLook != nil {
		beforeSecondLook()
	}
	// By path rather than by descriptor, because an editor that saves by renaming leaves the descriptor's file unchanged.
	after, err := os.Stat(path)
	if err != nil || !sameVersion(before, after) || int64(len(data)) != after.Size() {
		return nil, errChangedWhileRead
	}
	return data, nil
}

// statRegular checks path without opening it, and refuses anything but a regular file of at most limit bytes.
func statRegular(path string, limit int64) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileProblem(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is %s; a regular file is needed", wording.FileKind(info.Mode()))
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("is %d bytes long; at most %d are read", info.Size(), limit)
	}
	return info, nil
}

// sameVersion reports whether a file had the same contents both times, judged by its metadata (S-2.30).
func sameVersion(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// fileProblem turns an error of the os package into its cause, without the path, which the message already names, and
// adds what to do about it.
func fileProblem(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNoFile
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied; let the user that runs the proxy read it")
	}
	return fmt.Errorf("cannot be read: %w", wording.Cause(err))
}

// checkText refuses what cannot be a configuration before the parser sees it: an empty file or binary data.
func checkText(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("is empty; a configuration has at least [rate_limit], [body] and one [[listeners]]")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return fmt.Errorf("is binary: a zero byte at offset %d; a configuration is TOML, in UTF-8", i)
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Errorf("is not UTF-8: byte 0x%02x at offset %d (line %d); save it as UTF-8",
				data[i], i, bytes.Count(data[:i], []byte("\n"))+1)
		}
		i += size
	}
	return nil
}
