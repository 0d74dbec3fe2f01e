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
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/exitcode"
	"reverse-proxy/proxy/sockettest"
)

func TestAConfigurationIsRecognizedUnderAnotherName(t *testing.T) {
	dir := t.TempDir()
	running, other := configtest.WriteFile(t, dir, "running.toml", "a"), configtest.WriteFile(t, dir, "other.toml", "a")
	inside := filepath.Join(dir, "sub")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	link, hard := filepath.Join(inside, "link.toml"), filepath.Join(dir, "hard.toml")
	if err := errors.Join(os.Symlink("../running.toml", link), os.Link(running, hard)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(inside)
	for _, c := range []struct {
		name, path string
		want       bool
	}{
		{"the path itself is the same", running, true},
		{"a longer path to it is the same", filepath.Join(dir, "sub") + "/../running.toml", true},
		{"a relative path is the same", "../running.toml", true},
		{"a symbolic link is the same", link, true},
		{"a relative path through a symbolic link is the same", "link.toml", true},
		// A bind mount is another name of the same inode, too.
		{"a hard link is the same", hard, true},
		{"another file with the same text is another", other, false},
		{"a file that is missing is another", filepath.Join(dir, "missing.toml"), false},
	} {
		file, err := newConfigFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := file.is(running); got != c.want {
			t.Errorf("%s: recognized %v, want %v", c.name, got, c.want)
		}
	}

	before, err := newConfigFile(running)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, running); err != nil {
		t.Fatal(err)
	}
	if !before.is(running) {
		t.Error("a file that was replaced since the client looked: got another one, want the same by its path")
	}
	if before.is(filepath.Join(dir, "gone.toml")) {
		t.Error("a daemon whose file is gone: got the same file, want another one")
	}
}

func TestADaemonRefusesCommandsForAnotherConfiguration(t *testing.T) {
	handlers := plainHandlers()
	handlers.ConfigPath = "/etc/mine.toml"
	called := func(string) {}
	handlers.Reload = func(context.Context) ReloadResult { called("reload"); return ReloadResult{Status: "ok"} }
	handlers.Diff = func() DiffResult { called("diff"); return DiffResult{Status: "ok"} }
	handlers.Status = func() Status { called("status"); return Status{} }
	handlers.Reopen = func() ReopenResult { called("reopen"); return ReopenResult{Status: "ok"} }
	for _, command := range []string{"reload", "diff", "status", "reopen"} {
		var calls []string
		called = func(name string) { calls = append(calls, name) }
		got := answer(t.Context(), handlers, command+` {"config":"/etc/yours.toml"}`, nil)
		failure, ok := got.(refusal)
		if !ok || failure.Status != StatusError || failure.Path != "/etc/mine.toml" ||
			!strings.HasPrefix(failure.Message, "this daemon runs /etc/mine.toml, not /etc/yours.toml; nothing was changed; ") {
			t.Errorf("%s: got %+v, want a refusal that names both files", command, got)
		}
		if calls != nil {
			t.Errorf("%s: %v was carried out, want nothing", command, calls)
		}
		answer(t.Context(), handlers, command+` {"config":"/etc/mine.toml"}`, nil)
		answer(t.Context(), handlers, command, nil)
		if diff := cmp.Diff([]string{command, command}, calls); diff != "" {
			t.Errorf("%s for this file, and for any (-want +got):\n%s", command, diff)
		}
	}
	if got := answer(t.Context(), handlers, `dance {"config":"/etc/yours.toml"}`, nil); !strings.HasPrefix(got.(refusal).Message, "unknown command: dance") {
		t.Errorf("got %+v, want an unknown command", got)
	}
}

// olderDaemon answers as a daemon did before commands could carry their file. It returns the socket, and a function that
// returns the lines that it was sent.
func olderDaemon(t *testing.T, config string) (socket string, asked func() []string) {
	t.Helper()
	path := filepath.Join(sockettest.Dir(t), "admin.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var lines []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			line, _ := readCommand(newReader(conn))
			mu.Lock()
			lines = append(lines, line)
			mu.Unlock()
			switch line {
			case "status":
				io.WriteString(conn, `{"status":"ok","config":{"path":"`+config+`"}}`+"\n")
			case "reload", "diff":
				io.WriteString(conn, `{"status":"ok","sites":3}`+"\n")
			default:
				writeReply(t.Context(), conn.(*net.UnixConn), refusal{Status: "error", Message: unknownCommand(line)})
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return path, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return lines
	}
}

func TestADaemonOfAnOlderVersionIsAskedForItsConfigurationFirst(t *testing.T) {
	dir := t.TempDir()
	mine := configtest.WriteFile(t, dir, "mine.toml", "a = 1\n")
	for _, c := range []struct {
		name, command, running string
		code                   int
		says                   string
		last                   string
	}{
		{"it runs the file", "reload", mine, exitcode.OK, "", "reload"},
		{"it runs the file, and is asked for a difference", "diff", mine, exitcode.OK, "", "diff"},
		{"it runs another file", "reload", "/etc/other.toml", exitcode.Error, "this daemon runs /etc/other.toml, not " + mine, "status"},
		{"it runs another file, and is asked for a difference", "diff", "/etc/other.toml", exitcode.Usage, "this daemon runs /etc/other.toml", "status"},
		{"it does not tell", "reload", "", exitcode.Error, "does not report which configuration it runs; use --socket without --config", "status"},
		{"it forges a line", "reload", `/a\u001b[2J\nb`, exitcode.Error, `this daemon runs /a\u001b[2J\u000ab, not`, "status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket, asked := olderDaemon(t, c.running)
			var stdout, stderr bytes.Buffer
			client := Client{Socket: socket, Command: c.command, Config: mine, Timeout: ClientTimeout, Stdout: &stdout, Stderr: &stderr}
			if code := client.Run(t.Context()); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(stderr.String(), c.says) || (c.says != "") != (strings.Count(stderr.String(), "\n") == 1) {
				t.Errorf("complained %q, want one line with %q", stderr.String(), c.says)
			}
			if lines := asked(); lines[len(lines)-1] != c.last {
				t.Errorf("the daemon was sent %q, want %q at last", lines, c.last)
			}
		})
	}
}

func TestAPathThatDoesNotFitACommandIsAnError(t *testing.T) {
	a := startServer(t, plainHandlers(), nil)
	var stdout, stderr bytes.Buffer
	client := Client{Socket: a.path, Command: "diff", Config: "/" + strings.Repeat("x", maxCommand), Timeout: ClientTimeout,
		Stdout: &stdout, Stderr: &stderr}
	if code := client.Run(t.Context()); code != exitcode.Usage || !strings.Contains(stderr.String(), "too long to be sent") {
		t.Errorf("got the exit code %d and %q, want %d and the cause", code, stderr.String(), exitcode.Usage)
	}
}

func TestTheAdminSocketIsFoundInTheConfigurationOrNotAtAll(t *testing.T) {
	for _, c := range []struct{ name, text, path, err string }{
		{"the default is used if the key is missing", "max_connections = 5\n", config.DefaultAdminSocketPath, ""},
		{"the path is used although the rest is invalid", "admin_socket_path = \"/run/x.sock\"\nnonsense = true\n", "/run/x.sock", ""},
		{"a key that differs in case is another key", "Admin_Socket_Path = \"/run/x.sock\"\n", config.DefaultAdminSocketPath, ""},
		{"an empty file is refused", "", "", "is empty"},
		{"a file of white space is refused", " \n\t\n", "", "is empty"},
		{"a file with only a comment is refused", "# nothing yet\n", "", "holds no key"},
		{"a file that is not TOML is refused", "[[listeners\n", "", "line 2, column"},
		{"a file that is cut short is refused", "admin_socket_path = \"/run/", "", "line 1, column"},
		{"a number is refused", "admin_socket_path = 5\n", "", "admin_socket_path (line 1): must be a string"},
		{"a table is refused", "[admin_socket_path]\n", "", "admin_socket_path (line 1): must be a string"},
		{"a relative path is refused", "admin_socket_path = \"x.sock\"\n", "", "admin_socket_path (line 1): must be an absolute path"},
		{"a disabled socket is reported", "admin_socket_path = \"\"\n", "", "admin_socket_path (line 1): the admin socket is disabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := configtest.WriteFile(t, t.TempDir(), "config.toml", c.text)
			path, err := SocketPathIn(file)
			if path != c.path || (err != nil) != (c.err != "") {
				t.Fatalf("got %q and the error %v, want %q", path, err, c.path)
			}
			if err != nil && !strings.HasPrefix(err.Error(), file+": "+c.err) {
				t.Errorf("got the error %v, want it to begin with the file and %q", err, c.err)
			}
		})
	}
}
