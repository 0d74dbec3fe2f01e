package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/wording"
)

// output is what a sink writes to.
type output struct {
	// w takes whole lines, many in one call.
	w io.Writer
	// closer closes w. It is nil if the caller of New owns w.
	closer io.Closer
	// torn reports whether the last byte written to w is not a newline. If so, the next line must begin with one.
	torn bool
}

// close closes the output if the Logger owns it.
func (o output) close() error {
	if o.closer == nil {
		return nil
	}
	return o.closer.Close()
}

// openLogFile opens the log file for appending. It creates the file with mode 0640 if it does not exist, but creates no
// missing directories. It refuses anything but a regular file or a symbolic link to one, and never blocks, not even on
// a FIFO. The error names the key `logging.log_file_path`.
func openLogFile(path string) (output, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return output{}, notRegularError(path, info.Mode())
	}
	// O_NONBLOCK: the path may have become a FIFO since it was checked. The flag has no effect on a regular file.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return output{}, logFileError(err)
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = notRegularError(path, info.Mode())
	} else if err != nil {
		err = logFileError(err)
	}
	if err != nil {
		f.Close()
		return output{}, err
	}
	return output{w: f, closer: f, torn: endsMidLine(path, info.Size())}, nil
}

// logFileError adds the key, and what to do about the cause where that is known.
func logFileError(err error) error {
	advice := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = "; create its directory"
	case errors.Is(err, fs.ErrPermission):
		advice = "; let the daemon's user write there, or restart it if its directory was created again"
	}
	return fmt.Errorf("logging.log_file_path: %w%s", err, advice)
}

// endsMidLine reports whether the last byte of the file is not a newline: an earlier process was killed in the middle
// of a line, or the disk filled up. A file that cannot be read counts as complete.
func endsMidLine(path string, size int64) bool {
	if size == 0 {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var last [1]byte
	_, err = f.ReadAt(last[:], size-1)
	return err == nil && last[0] != '\n'
}

// stdoutOutput prepares stdout for a sink. It duplicates a file to a descriptor above 2, because os.File turns a broken
// pipe on descriptors 1 and 2 into a fatal SIGPIPE: the daemon must survive the death of the program that reads its
// log.
func stdoutOutput(stdout io.Writer) output {
	f, ok := stdout.(*os.File)
	if !ok {
		return output{w: stdout}
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return output{w: stdout}
	}
	dup := -1
	err = conn.Control(func(fd uintptr) {
		if n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3); err == nil {
			dup = n
		}
	})
	if err != nil || dup < 0 {
		return output{w: stdout}
	}
	own := os.NewFile(uintptr(dup), f.Name())
	return output{w: own, closer: own}
}

// notRegularError returns the error for a log file that is not a regular file.
func notRegularError(path string, mode fs.FileMode) error {
	return fmt.Errorf("logging.log_file_path: %s is %s; use the path of a regular file", path, wording.FileKind(mode))
}
