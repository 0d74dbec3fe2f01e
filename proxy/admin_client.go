package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"reverse-proxy/proxy/wording"
)

const (
	// adminClientTimeout bounds one command as a whole: a reload waits for others, and each may take its time.
	adminClientTimeout = 70 * time.Second
	// adminClientMaxReply is the largest answer in bytes that the client reads; the longest `status` is a small part of
	// it.
	adminClientMaxReply = 16 << 20
)

// adminClient asks the daemon that listens at a socket, and prints its answer.
type adminClient struct {
	socket, command string
	// config is the configuration file that the daemon must use; "" for any.
	config string
	// text selects the answer in a form for people instead of the daemon's line of JSON.
	text bool
	// timeout bounds one request with its answer.
	timeout        time.Duration
	stdout, stderr io.Writer
}

// run sends the command, prints the answer and returns the exit code (S-1.4): 0 if the answer's status is "ok", else
// failureCode; for `diff`, 0 for no change and 1 for changes. Without such an answer, it prints nothing on stdout and one
// line with the cause on stderr.
func (a adminClient) run(ctx context.Context) int {
	line, status, err := a.ask(ctx)
	if err != nil {
		return a.complain(err)
	}
	var reply renderedReply
	if a.text || a.command == "diff" {
		if reply, err = renderReply(a.command, line, now()); err != nil {
			return a.complain(err)
		}
	} else if status != adminStatusOK {
		reply.code = failureCode(a.command)
	}
	if !a.text {
		reply.out, reply.problems = []string{string(wording.PrintableJSON(line))}, nil
	}
	if err := writeLines(a.stdout, reply.out); err != nil {
		return a.complain(fmt.Errorf("cannot write the answer: %w", err))
	}
	if writeLines(a.stderr, reply.problems) != nil {
		return failureCode(a.command) // there is nowhere left to report it
	}
	return reply.code
}

// complain prints, on one line, why there is no answer.
func (a adminClient) complain(err error) int {
	fmt.Fprintf(a.stderr, "reverse-proxy: %s: %s: %v\n", a.command, a.socket, err)
	return failureCode(a.command)
}

// failureCode returns the exit code of a command whose daemon cannot be reached, or refuses. It is 2 for `diff`, for which
// 1 means that there are changes (S-1.5).
func failureCode(command string) int {
	if command == "diff" {
		return exitUsage
	}
	return exitError
}

// writeLines writes lines in one piece.
func writeLines(w io.Writer, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// ask sends the command, with the configuration file that it is for, and returns the line of the answer, without its line
// end, and its status. The errors say what to do, and do not name the socket. When ctx ends, ask returns at once.
func (a adminClient) ask(ctx context.Context) (line []byte, status string, err error) {
	if a.config == "" {
		return a.exchange(ctx, a.command)
	}
	expected, err := newConfigFile(a.config)
	if err != nil {
		return nil, "", err
	}
	request := withConfigFile(a.command, expected)
	if len(request) > adminMaxCommand {
		return nil, "", fmt.Errorf("the path in --config is too long to be sent (%d bytes); use --socket without it", len(expected.Path))
	}
	line, status, err = a.exchange(ctx, request)
	if err != nil || !isUnknownCommand(line, request) {
		return line, status, err
	}
	if err := a.checkOlderDaemon(ctx, expected); err != nil {
		return nil, "", err
	}
	return a.exchange(ctx, a.command)
}

// isUnknownCommand reports whether the answer says that the daemon does not know the request.
func isUnknownCommand(line []byte, request string) bool {
	var reply adminFailure
	return json.Unmarshal(line, &reply) == nil && reply.Status == adminStatusError &&
		reply.Message == unknownAdminCommand(request)
}

// checkOlderDaemon asks a daemon that cannot check the configuration file itself which one it uses. An upgrade needs that:
// the new program reloads the old daemon until that is restarted.
func (a adminClient) checkOlderDaemon(ctx context.Context, expected configFile) error {
	line, _, err := a.exchange(ctx, "status")
	if err != nil {
		return err
	}
	var status Status
	if err := json.Unmarshal(line, &status); err != nil {
		return replyProblem(err)
	}
	switch {
	case status.Config.Path == "":
		return errors.New("the daemon is an older version that does not report which configuration it runs; use --socket without --config")
	case !expected.is(status.Config.Path):
		return wrongConfigError(wrongConfigText(status.Config.Path, expected.Path))
	}
	return nil
}

// wrongConfigError is the error of a command for another configuration file than the daemon's.
type wrongConfigError string

func (e wrongConfigError) Error() string { return wording.PrintableLine(string(e)) }

// wrongConfigIn returns the wrongConfigError that the answer to `status` represents, or nil.
func wrongConfigIn(line []byte) error {
	var reply adminFailure
	if json.Unmarshal(line, &reply) == nil && reply.Status == adminStatusError && reply.Path != "" {
		return wrongConfigError(reply.Message)
	}
	return nil
}

// exchange sends one line and returns the line of the answer.
func (a adminClient) exchange(ctx context.Context, request string) (line []byte, status string, err error) {
	if info, err := os.Lstat(a.socket); err == nil && info.Mode().Type()&(fs.ModeSocket|fs.ModeSymlink) == 0 {
		return nil, "", fmt.Errorf("is a %s, not a socket; name the daemon's admin_socket_path with --socket",
			nonSocketKind(info.Mode()))
	}
	deadline := time.Now().Add(a.timeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "unix", a.socket)
	if err != nil {
		return nil, "", adminDialError(err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })()
	// A daemon that refuses this user answers without reading: then the write error does not tell the whole story.
	_, writeErr := io.WriteString(conn, request+"\n")

	r := bufio.NewReader(io.LimitReader(conn, adminClientMaxReply))
	line, err = r.ReadBytes('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", fmt.Errorf("no answer within %v; look at the daemon's log", a.timeout)
	case len(line) == 0 && writeErr != nil:
		return nil, "", fmt.Errorf("cannot send the command: %w", wording.Cause(writeErr))
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

// adminDialError renders why connecting to the socket failed, and what to do.
func adminDialError(err error) error {
	cause := wording.Cause(err)
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

// clipForMessage quotes the beginning of untrusted bytes for a one-line message.
func clipForMessage(b []byte) string {
	if len(b) > adminClip {
		return fmt.Sprintf("%+q...", b[:adminClip])
	}
	return fmt.Sprintf("%+q", b)
}
