package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// socketMode is the mode of the admin socket's file (S-10.4).
const socketMode = 0o600

// ErrLive means that a process is already listening on the admin socket. Startup then continues without an
// admin socket (S-4.4); every other error of Bind ends it.
var ErrLive = errors.New("another process is listening on it; stop that one or choose another path")

// Socket is the bound admin socket, and the identity of its file, which shows on closing whether the path still
// belongs to it.
type Socket struct {
	path      string
	ln        *net.UnixListener
	dev, ino  uint64
	closeOnce sync.Once
	closeErr  error
	// uid is the user that may connect in addition to root: the daemon's own.
	uid uint32
	// peerUID returns the user of the process that connected; readTimeout is readTimeout. They are fields only for
	// tests.
	peerUID     func(*net.UnixConn) (uint32, error)
	readTimeout time.Duration
}

// Bind binds the Unix socket at path with mode 0600. It removes an existing socket on which no process
// listens. Anything else at path, a file, a directory or a symbolic link and its target, is left untouched and is an
// error, as is a socket in use (ErrLive). Errors name the key admin_socket_path. The caller closes the
// Socket.
func Bind(path string) (*Socket, error) {
	if err := removeStaleSocket(path); err != nil {
		return nil, err
	}
	ln, err := listenUnixPrivate(path)
	if err != nil {
		return nil, socketError(path, err)
	}
	s := &Socket{
		path: path, ln: ln, uid: uint32(os.Geteuid()),
		peerUID: unixPeerUID, readTimeout: readTimeout,
	}
	info, err := os.Lstat(path)
	if err != nil {
		ln.Close()
		return nil, socketError(path, err)
	}
	s.dev, s.ino = fileIdentity(info)
	if info.Mode().Perm() != socketMode {
		if err := os.Chmod(path, socketMode); err != nil {
			s.Close()
			return nil, socketError(path, err)
		}
	}
	return s, nil
}

// Listener returns the listening socket.
func (s *Socket) Listener() net.Listener { return s.ln }

// Close removes the socket's file if it is still the one that was bound (S-10.5), and stops listening. It may be called
// more than once. It removes the file first: while the socket is open, its inode number cannot be given to another
// file.
func (s *Socket) Close() error {
	s.closeOnce.Do(func() {
		if info, err := os.Lstat(s.path); err == nil {
			if dev, ino := fileIdentity(info); dev == s.dev && ino == s.ino {
				s.closeErr = os.Remove(s.path)
			}
		}
		s.closeErr = errors.Join(s.closeErr, s.ln.Close())
	})
	return s.closeErr
}

// removeStaleSocket clears path: it looks at the file without following a link, checks whether a process answers, and
// only then removes it. An empty path is not an error.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return socketError(path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return config.KeyError{Key: "admin_socket_path", Problem: fmt.Sprintf(
			"%s exists and is %s, not a socket, and was left as it is; move it away or choose another path",
			path, wording.FileKind(info.Mode()))}
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("admin_socket_path: %s: %w", path, ErrLive)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EPROTOTYPE), errors.Is(err, os.ErrDeadlineExceeded):
		// Its queue of connections is full, or it is of another kind: no process answers, but one holds it.
		return fmt.Errorf("admin_socket_path: %s: %w", path, ErrLive)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return socketError(path, err)
	}
	again, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !os.SameFile(info, again) {
		return fmt.Errorf("admin_socket_path: %s: %w", path, ErrLive)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return socketError(path, err)
	}
	return nil
}

// listenUnixPrivate binds and listens at path with the socket's mode set before the socket has a name. Linux gives the
// file the mode of the unbound socket, so there is no moment at which others could connect, and no need to change the
// umask of the whole process.
func listenUnixPrivate(path string) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmodErr error
		err := raw.Control(func(fd uintptr) { chmodErr = syscall.Fchmod(int(fd), socketMode) })
		return errors.Join(err, chmodErr)
	}}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	unixListener := ln.(*net.UnixListener)
	// Only Close removes the file. It first checks whether the file is still ours.
	unixListener.SetUnlinkOnClose(false)
	return unixListener, nil
}

// socketError renders a failure of the admin socket with its key, its cause and the remedy.
func socketError(path string, err error) error {
	advice := "choose a path that the daemon can create a socket at, or \"\" to go without"
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		advice = "create its directory (RuntimeDirectory= in a systemd unit), or set \"\" to go without"
	case errors.Is(err, fs.ErrPermission):
		advice = "give the daemon's user write permission to its directory, or set \"\" to go without"
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another process created it just now; stop that one or choose another path"
	}
	return config.KeyError{Key: "admin_socket_path", Problem: fmt.Sprintf("%s: %v; %s", path, wording.Cause(err), advice)}
}

// fileIdentity returns the device and inode numbers, which identify a file.
func fileIdentity(info fs.FileInfo) (dev, ino uint64) {
	stat := info.Sys().(*syscall.Stat_t)
	return stat.Dev, stat.Ino
}
