package admin

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
	"syscall"
	"time"

	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/wording"
)

const (
	// ClientTimeout bounds one command as a whole: a reload waits for others, and each may take its time.
	ClientTimeout = 70 * time.Second
	// maxReply is the largest answer in bytes that the client reads; the longest `status` is a small part of
	// it.
	maxReply = 16 << 20
)

// Client asks the daemon that listens at a socket, and prints its answer.
type Client struct {
	// Socket is the path of the socket, and Command what is asked.
	Socket, Command string
	// Arguments are the arguments of a command that takes some, for its JSON; nil for none.
	Arguments any
	// Config is the configuration file that the daemon must use; "" for any.
	Config string
	// Text selects the answer in a form for people instead of the daemon's line of JSON.
	Text bool
	// Timeout bounds one request with its answer.
	Timeout time.Duration
	// Stdout receives the answer, and Stderr why there is none.
	Stdout, Stderr io.Writer
}

// Run sends the command, prints the answer and returns the exit code (S-1.4): 0 if the answer's status is "ok", else
// FailureCode; for `diff`, 0 for no change and 1 for changes. Without such an answer, it prints nothing on stdout and one
// line with the cause on stderr.
func (a Client) Run(ctx context.Context) int {
	line, status, err := a.ask(ctx)
	if err != nil {
		return a.complain(err)
	}
	var reply renderedReply
	if a.Text || a.Command == "diff" {
		if reply, err = renderReply(a.Command, line, time.Now()); err != nil {
			return a.complain(err)
		}
	} else if status != StatusOK {
		reply.code = FailureCode(a.Command)
	}
	if !a.Text {
		reply.out, reply.problems = []string{string(wording.PrintableJSON(line))}, nil
	}
	if err := wording.WriteLines(a.Stdout, reply.out); err != nil {
		return a.complain(fmt.Errorf("cannot write the answer: %w", err))
	}
	if wording.WriteLines(a.Stderr, reply.problems) != nil {
		return FailureCode(a.Command) // there is nowhere left to report it
	}
	return reply.code
}

// complain prints, on one line, why there is no answer.
func (a Client) complain(err error) int {
	fmt.Fprintf(a.Stderr, "reverse-proxy: %s: %s: %v\n", a.Command, a.Socket, err)
	return FailureCode(a.Command)
}

// FailureCode returns the exit code of a command whose daemon cannot be reached, or refuses. It is 2 for `diff`, for which
// 1 means that there are changes (S-1.5).
func FailureCode(command string) int {
	if command == "diff" {
		return exitcode.Usage
	}
	return exitcode.Error
}

// ask sends the command, with the configuration file that it is for, and returns the line of the answer, without its line
// end, and its status. The errors say what to do, and do not name the socket. When ctx ends, ask returns immediately.
func (a Client) ask(ctx context.Context) (line []byte, status string, err error) {
	r := request{command: a.Command}
	if a.Arguments != nil {
		if r.Arguments, err = json.Marshal(a.Arguments); err != nil {
			return nil, "", err
		}
	}
	if a.Config != "" {
		if r.configFile, err = newConfigFile(a.Config); err != nil {
			return nil, "", err
		}
	}
	text := r.line()
	if len(text) > maxCommand {
		return nil, "", fmt.Errorf("the arguments and the path in --config are too long to be sent (%d bytes of at most %d)", len(text), maxCommand)
	}
	line, status, err = a.exchange(ctx, text)
	if err != nil || text == a.Command || !isUnknownCommand(line, text) {
		return line, status, err
	}
	if a.Arguments != nil {
		return nil, "", olderDaemonError(a.Command)
	}
	if err := a.checkOlderDaemon(ctx, r.configFile); err != nil {
		return nil, "", err
	}
	return a.exchange(ctx, a.Command)
}

// olderDaemonError is the error of a command that the daemon does not know.
func olderDaemonError(command string) error {
	return fmt.Errorf("the daemon is an older version that does not know %s; restart it with this version", command)
}

// isUnknownCommand reports whether the answer says that the daemon does not know the request.
func isUnknownCommand(line []byte, request string) bool {
	var reply refusal
	return json.Unmarshal(line, &reply) == nil && reply.Status == StatusError &&
		reply.Message == unknownCommand(request)
}

// checkOlderDaemon asks a daemon that cannot check the configuration file itself which one it uses. An upgrade needs that:
// the new program reloads the old daemon until that is restarted.
func (a Client) checkOlderDaemon(ctx context.Context, expected configFile) error {
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
	var reply refusal
	if json.Unmarshal(line, &reply) == nil && reply.Status == StatusError && reply.Path != "" {
		return wrongConfigError(reply.Message)
	}
	return nil
}

// exchange sends one line and returns the line of the answer.
func (a Client) exchange(ctx context.Context, request string) (line []byte, status string, err error) {
	if info, err := os.Lstat(a.Socket); err == nil && info.Mode().Type()&(fs.ModeSocket|fs.ModeSymlink) == 0 {
		return nil, "", fmt.Errorf("is %s, not a socket; name the daemon's admin_socket_path with --socket",
			wording.FileKind(info.Mode()))
	}
	deadline := time.Now().Add(a.Timeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "unix", a.Socket)
	if err != nil {
		return nil, "", dialError(err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })()
	// A daemon that refuses this user answers without reading: then the write error does not tell the whole story.
	_, writeErr := io.WriteString(conn, request+"\n")
	if a.Command == "reload" && request != "status" {
		stop := a.followReload(ctx, func() { conn.SetReadDeadline(time.Now().Add(a.Timeout)) })
		defer func() { stop(line) }()
	}

	r := bufio.NewReader(io.LimitReader(conn, maxReply))
	line, err = r.ReadBytes('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, "", fmt.Errorf("no answer within %v; look at the daemon's log", a.Timeout)
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
	if json.Unmarshal(line, &reply) != nil || (reply.Status != StatusOK && reply.Status != StatusError) {
		return nil, "", fmt.Errorf("the answer is not the daemon's: %s; is this its socket?", clipForMessage(line))
	}
	return line, reply.Status, nil
}

// dialError renders why connecting to the socket failed, and what to do.
func dialError(err error) error {
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
	if len(b) > maxClip {
		return fmt.Sprintf("%+q...", b[:maxClip])
	}
	return fmt.Sprintf("%+q", b)
}
