// Package unixdial connects to Unix sockets, and finds out whether a socket was replaced by another one at the same path.
package unixdial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// firstPause and longestPause are the times between two attempts while the queue of a socket is full.
	firstPause   = time.Millisecond
	longestPause = 50 * time.Millisecond
)

// Dial connects to the socket at the path. While the queue of the program that listens there is full, it tries again until
// the context ends: for a Unix socket the kernel does not wait as it does for TCP, and a burst of requests would fail
// that the program could serve a moment later.
func Dial(ctx context.Context, path string) (*net.UnixConn, error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil {
			return conn.(*net.UnixConn), nil
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return nil, explained(path, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("the queue of the program that listens there is full: %w", ctx.Err())
		}
	}
}

// explained adds to the error of a connection what is at the path, if that is not a socket on which a program listens.
func explained(path string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch problem := Problem(path); {
	case problem != "" && problem != missing:
		return fmt.Errorf("%s: %w", problem, errno) // without the path, which the log names
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no program listens on the socket: %w", errno)
	}
	return err
}

// missing is the problem of a path that does not exist.
const missing = "there is no such socket"

// Problem returns why the path is not a socket, or "".
func Problem(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing
	case err != nil, info.Mode()&fs.ModeSocket != 0:
		return "" // it cannot be looked at, or is a socket
	case info.IsDir():
		return "it is a directory and not a socket"
	}
	return "it is a file and not a socket"
}

// ID identifies a file, whatever its path. The zero ID means that there is no file.
type ID struct{ device, inode uint64 }

// IDOf returns the ID of the file at the path now.
func IDOf(path string) ID {
	info, err := os.Stat(path)
	if err != nil {
		return ID{}
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ID{}
	}
	return ID{stat.Dev, stat.Ino}
}
