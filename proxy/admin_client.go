package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	// adminClientTimeout bounds one command as a whole: a reload waits for others, and each may take its time.
	adminClientTimeout = 70 * time.Second
	// adminClientMaxReply is the longest answer in bytes that is read; the longest `status` is a small part of it.
	adminClientMaxReply = 16 << 20
)

// runAdminCommand sends one command to the daemon that listens at socketPath, prints its line of JSON on stdout, and
// returns the exit code: 0 when the answer's status is "ok", else 1 (S-1.4). When there is no such answer, it prints
// nothing on stdout and one line with the cause on stderr, and returns 1.
func runAdminCommand(socketPath, command string, stdout, stderr io.Writer) int {
	return runAdminCommandWithin(adminClientTimeout, socketPath, command, stdout, stderr)
}

// runAdminCommandWithin is runAdminCommand with a time limit of the caller's.
func runAdminCommandWithin(timeout time.Duration, socketPath, command string, stdout, stderr io.Writer) int {
	line, status, err := askAdminSocket(timeout, socketPath, command)
	if err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: %s: %s: %v\n", command, socketPath, err)
		return 1
	}
	if _, err := stdout.Write(append(line, '\n')); err != nil {
		fmt.Fprintf(stderr, "reverse-proxy: %s: cannot write the answer: %v\n", command, err)
		return 1
	}
	if status != adminStatusOK {
		return 1
	}
	return 0
}

// askAdminSocket sends one command and returns the line of the answer, without its end, and the status in it. The
// errors say what to do, and do not name the socket.
func askAdminSocket(timeout time.Duration, socketPath, command string) (line []byte, status string, err error) {
	if info, err := os.Lstat(socketPath); err == nil && info.Mode().Type()&(fs.ModeSocket|fs.ModeSymlink) == 0 {
		return nil, "", fmt.Errorf("is a %s, not a socket; name the daemon's admin_socket_path with --socket",
			nonSocketKind(info.Mode()))
	}
	deadline := time.Now().Add(timeout)
	conn, err := net.DialTimeout("unix", socketPath, timeout)
	if err != nil {
		return nil, "", adminDialError(err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	// A daemon that refuses this user answers without reading: the failure to write is then not the whole story.
	_, writeErr := io.WriteString(conn, command+"\n")

	r := bufio.NewReader(io.LimitReader(conn, adminClientMaxReply))
	line, err = r.ReadBytes('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", fmt.Errorf("no answer within %v; look at the daemon's log", timeout)
	case len(line) == 0 && writeErr != nil:
		return nil, "", fmt.Errorf("cannot send the command: %w", adminCause(writeErr))
	case len(line) == 0:
		return nil, "", errors.New("the connection was closed without an answer; look at the daemon's log")
	case err != nil:
		return nil, "", fmt.Errorf("the answer is not a whole line (%d bytes); is this the daemon's socket?", len(line))
	}
	line = bytes.TrimRight(line, "\r\n")
	var reply struct {
		Status string `json:"status"`
	}
	if json.Unmarshal(line, &reply) != nil || (reply.Status != adminStatusOK && reply.Status != adminStatusError) {
		return nil, "", fmt.Errorf("the answer is not the daemon's: %s; is this its socket?", clipForMessage(line))
	}
	return line, reply.Status, nil
}

// adminDialError renders why the socket could not be connected to, and what to do.
func adminDialError(err error) error {
	cause := adminCause(err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; is the daemon running, and with this admin_socket_path?", cause)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; the daemon that made this socket is no longer running", cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run this as root or as the daemon's user", cause)
	}
	return fmt.Errorf("cannot connect: %w", cause)
}

// adminCause reduces an error of package net, which repeats the address, to the system's own.
func adminCause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// clipForMessage quotes the beginning of untrusted bytes for one line of a message.
func clipForMessage(b []byte) string {
	if len(b) > adminClip {
		return fmt.Sprintf("%+q...", b[:adminClip])
	}
	return fmt.Sprintf("%+q", b)
}
