package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"reverse-proxy/proxy/eventlog"
)

const (
	// maxConnections is the number of admin connections served at a time (S-10.3). Further ones wait in the listen
	// queue: idle connections ahead of them end after readTimeout, and a deployment that finds the daemon busy is
	// better served late than refused.
	maxConnections = 16
	// readTimeout is how long a client may take to send its command (S-10.3).
	readTimeout = 5 * time.Second
	// writeTimeout is how long a client may take to read the answer.
	writeTimeout = 5 * time.Second
	// closeTimeout is how much of both is left when the daemon ends.
	closeTimeout = time.Second
	// maxDrain is the number of bytes after the command that are read and discarded, so that a client that is
	// still writing gets the answer, not a broken pipe.
	maxDrain = 4 << 20
)

// Handlers carries out the commands of the admin socket. The functions are called concurrently.
type Handlers struct {
	// Reload reads the configuration again; it waits for earlier reloads.
	Reload func(context.Context) ReloadResult
	// Diff returns what a reload would do; it waits for its turn as a reload does.
	Diff func() DiffResult
	// Status describes the daemon.
	Status func() Status
	// Reopen reopens the log file.
	Reopen func() ReopenResult
	// Maintenance, Pause and Resume hold a site back, or let it go on (S-14.9).
	Maintenance func(MaintenanceOrder) HoldResult
	Pause       func(PauseOrder) HoldResult
	Resume      func(ResumeOrder) HoldResult
	// Drain takes an upstream out of service, and Undrain puts it back (S-18.6).
	Drain, Undrain func(DrainOrder) DrainResult
	// Explain says what would become of a request, and changes nothing.
	Explain func(ExplainOrder) ExplainResult
	// ConfigPath is the absolute path of the configuration file that the daemon runs.
	ConfigPath string
}

// refusal is the answer to a command that could not be carried out (S-10.2).
type refusal struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	// Path is the daemon's configuration file, in the answer to a command for another one.
	Path string `json:"path,omitempty"`
}

// Serve answers one command per connection until ctx ends (S-10.1). It accepts them from ln, which is the socket's listener or
// wraps it, and calls handlers for what carries each command out. When ctx has ended it closes the socket, removes its file, and
// returns once every connection is done. It refuses and logs peers that are neither root nor the daemon's user. The
// error is a permanent one of the listening socket; it is nil when ctx ended.
func (s *Socket) Serve(ctx context.Context, ln net.Listener, log *eventlog.Logger, handlers func() Handlers) error {
	defer context.AfterFunc(ctx, func() {
		s.Close()
		ln.Close()
	})()
	defer s.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, maxConnections)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, log, handlers(), conn.(*net.UnixConn))
		})
	}
}

// serveConn reads one command, answers it, and closes the connection.
func (s *Socket) serveConn(ctx context.Context, log *eventlog.Logger, handlers Handlers, conn *net.UnixConn) {
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(s.readTimeout))
	defer context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Now())
		conn.SetWriteDeadline(time.Now().Add(closeTimeout))
	})()
	uid, err := s.peerUID(conn)
	if err != nil {
		log.Repeating(eventlog.LevelWarn, "admin refused", "ADMIN_REFUSED", eventlog.Err(err))
		writeReply(ctx, conn, refusal{Status: StatusError, Message: "permission denied"})
		return
	}
	if !peerAllowed(uid, s.uid) {
		log.Repeating(eventlog.LevelWarn, "admin refused", "ADMIN_REFUSED", eventlog.Int("uid", int(uid)))
		writeReply(ctx, conn, refusal{Status: StatusError, Message: "permission denied"})
		return
	}
	r := newReader(conn)
	command, err := readCommand(r)
	if err != nil && ctx.Err() != nil {
		return
	}
	writeReply(ctx, conn, answer(ctx, handlers, command, err))
	discardInput(conn, r, err)
}

// answer carries out the command on a line, or renders why it could not be read. It does not carry out a command
// for another configuration file than the daemon's (S-1.7).
func answer(ctx context.Context, handlers Handlers, line string, err error) any {
	var r request
	if err == nil {
		r, err = parseRequest(line)
	}
	if err != nil {
		return refusal{Status: StatusError, Message: err.Error()}
	}
	run, known := handlers.command(ctx, r)
	switch {
	case !known:
		return refusal{Status: StatusError, Message: unknownCommand(line)}
	case !r.expects(handlers.ConfigPath):
		return refusal{StatusError, wrongConfigText(handlers.ConfigPath, r.Path), handlers.ConfigPath}
	}
	reply, err := run()
	if err != nil {
		return refusal{Status: StatusError, Message: err.Error()}
	}
	return reply
}

// command returns what carries out a request. It is the table of commands.
func (h Handlers) command(ctx context.Context, r request) (run func() (any, error), known bool) {
	switch r.command {
	case "reload":
		run = bare(r, func() ReloadResult { return h.Reload(ctx) })
	case "diff":
		run = bare(r, h.Diff)
	case "status":
		run = bare(r, func() Status { return h.Status().Complete() })
	case "reopen":
		run = bare(r, h.Reopen)
	case "maintenance":
		run = withArguments(r, h.Maintenance)
	case "pause":
		run = withArguments(r, h.Pause)
	case "explain":
		run = withArguments(r, h.Explain)
	case "resume":
		run = withArguments(r, h.Resume)
	case "drain":
		run = withArguments(r, h.Drain)
	case "undrain":
		run = withArguments(r, h.Undrain)
	}
	return run, run != nil
}

// bare returns what carries out a command without arguments.
func bare[R any](r request, handle func() R) func() (any, error) {
	return func() (any, error) {
		if r.Arguments != nil {
			return nil, fmt.Errorf("%w: %s takes no arguments", errInput, r.command)
		}
		return handle(), nil
	}
}

// withArguments returns what carries out a command with arguments. A command without a handler is refused: the daemon is not
// ready for it.
func withArguments[A, R any](r request, handle func(A) R) func() (any, error) {
	return func() (any, error) {
		if handle == nil {
			return nil, fmt.Errorf("%s: the daemon is starting; try again when it serves", r.command)
		}
		args, err := arguments[A](r)
		if err != nil {
			return nil, err
		}
		return handle(args), nil
	}
}

// writeReply writes the answer as one line of JSON. If a client does not take it in time, the answer is cut off
// and the error ignored.
func writeReply(ctx context.Context, conn *net.UnixConn, reply any) {
	timeout := writeTimeout
	if ctx.Err() != nil {
		timeout = closeTimeout
	}
	conn.SetWriteDeadline(time.Now().Add(timeout))
	encoder := json.NewEncoder(conn)
	// Paths and error texts are read by people and programs, never by a browser.
	encoder.SetEscapeHTML(false)
	encoder.Encode(reply)
}

// discardInput ends the answer and then discards what the client has sent, or is still sending, after its command,
// until the read deadline and up to maxDrain bytes. Closing a Unix socket with unread bytes gives a client that
// is still writing an error, and it would never read the answer. Most clients send nothing more; then there is no
// wait.
func discardInput(conn *net.UnixConn, r *bufio.Reader, readErr error) {
	conn.CloseWrite()
	if !errors.Is(readErr, errOverlong) && r.Buffered() == 0 {
		return
	}
	io.CopyN(io.Discard, r, maxDrain)
}
