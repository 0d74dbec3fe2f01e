package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/sockettest"
)

func TestTheAdminClientExitsByTheAnswer(t *testing.T) {
	handlers := plainHandlers()
	handlers.Reload = func(context.Context) ReloadResult {
		return ReloadResult{Status: "error", Message: "bad", Errors: []string{"listeners: bad"}}
	}
	a := startServer(t, handlers, nil)
	tests := []struct {
		command string
		code    int
		want    string
	}{
		{"status", 0, `{"status":"ok","uptime_secs":1234,`},
		{"reload", 1, `{"status":"error","message":"bad","errors":["listeners: bad"]}` + "\n"},
		{"dance", 1, `{"status":"error","message":"unknown command: dance"}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.command, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Client{Socket: a.path, Command: tt.command, Timeout: ClientTimeout, Stdout: &stdout, Stderr: &stderr}.Run(t.Context())
			if code != tt.code || !strings.HasPrefix(stdout.String(), tt.want) || !strings.HasSuffix(stdout.String(), "}\n") {
				t.Errorf("got exit code %d and %q, want %d and %q", code, stdout.String(), tt.code, tt.want)
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr: got %q, want nothing", stderr.String())
			}
		})
	}
}

// answerOnce listens at a new socket, accepts one connection, reads one line, and answers it.
func answerOnce(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(sockettest.Dir(t), "admin.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 100))
		answer(conn)
	}()
	return path
}

func TestTheAdminClientSaysWhatIsWrong(t *testing.T) {
	dir := sockettest.Dir(t)
	file, stale := filepath.Join(dir, "file"), filepath.Join(dir, "stale")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sockettest.MakeStale(t, stale)
	answering := func(answer string) string {
		return answerOnce(t, func(conn net.Conn) { io.WriteString(conn, answer) })
	}
	release := make(chan struct{})
	defer close(release)
	const silent, trickle = "no answer comes", "an answer comes a byte at a time and never ends"
	drip := func(conn net.Conn) {
		for {
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // the pace of the peer; nothing waits for it
		}
	}
	tests := []struct{ name, path, want string }{
		{"the socket is missing", filepath.Join(dir, "missing"), "no such file or directory; is the daemon running"},
		{"nobody listens", stale, "connection refused; the daemon that made this socket is no longer running"},
		{"the path is a file", file, "is a regular file, not a socket"},
		{"the path is a directory", dir, "is a directory, not a socket"},
		{silent, answerOnce(t, func(net.Conn) { <-release }), "no answer within 200ms"},
		{trickle, answerOnce(t, drip), "no answer within 200ms"},
		{"the answer is huge", answering(strings.Repeat("x", maxReply+1000)), "the answer is not a whole line (16777216 bytes)"},
		{"the connection is closed", answering(""), "the connection was closed without an answer"},
		{"the answer is no JSON", answering("HTTP/1.1 400 Bad\x1b[2J\r\n"), `the answer is not the daemon's: "HTTP/1.1 400 Bad\x1b[2J"`},
		{"the answer has no status", answering("{}\n"), "the answer is not the daemon's"},
		{"the answer has another status", answering(`{"status":"maybe"}` + "\n"), "the answer is not the daemon's"},
		{"the answer is a list", answering("[]\n"), "the answer is not the daemon's"},
		{"the answer is cut", answering(`{"status":"ok"`), "the answer is not a whole line (14 bytes)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			limit := 20 * time.Second
			if tt.name == silent || tt.name == trickle {
				limit = 200 * time.Millisecond
			}
			code := Client{Socket: tt.path, Command: "status", Timeout: limit, Stdout: &stdout, Stderr: &stderr}.Run(t.Context())
			if code != 1 || stdout.Len() > 0 {
				t.Errorf("got exit code %d and %q on stdout, want 1 and nothing", code, stdout.String())
			}
			if got, want := stderr.String(), "reverse-proxy: status: "+tt.path+": "+tt.want; !strings.HasPrefix(got, want) {
				t.Errorf("stderr: got %q, want it to begin with %q", got, want)
			}
			if got := stderr.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") {
				t.Errorf("stderr: got %q, want one line", got)
			}
		})
	}
}

// failingWriter is a writer that always fails.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestTheAdminClientFailsWhenTheAnswerCannotBePrinted(t *testing.T) {
	var stderr bytes.Buffer
	a := startServer(t, plainHandlers(), nil)
	if code := (Client{Socket: a.path, Command: "status", Timeout: ClientTimeout, Stdout: failingWriter{}, Stderr: &stderr}).Run(t.Context()); code != 1 {
		t.Errorf("exit code: got %d, want 1", code)
	}
	if !strings.Contains(stderr.String(), "no space left") {
		t.Errorf("stderr: got %q, want the cause", stderr.String())
	}
}
