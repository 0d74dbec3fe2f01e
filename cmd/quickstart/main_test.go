package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/conformance/netns"
	"reverse-proxy/steps"
)

// inNetwork is set for a copy of this test that runs in its own network, where the quick start's ports are free.
const inNetwork = "QUICKSTART_TEST_IN_NETWORK"

// needNetwork runs the test again as a process in its own network, and reports whether the caller is that process.
// It skips the test if that only fails because the user is not root.
func needNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNetwork) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("the quick start has fixed ports, and only root can make a network in which they are free")
	}
	network, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.timeout=4m")
	cmd.Env = append(os.Environ(), inNetwork+"=yes")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := network.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, &out)
	}
	return false
}

// output is what a quick start has printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// quickstart is a quick start that runs in this process.
type quickstart struct {
	out    output
	cancel context.CancelFunc
	ended  chan error
}

// begin starts a quick start from the project's root. Its temporary files are in a directory that end checks.
func begin(t *testing.T, o options) *quickstart {
	t.Helper()
	dir, err := os.MkdirTemp("", "qs") // t.TempDir's names are too long for a socket path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	q := &quickstart{cancel: cancel, ended: make(chan error, 1)}
	go func() { q.ended <- run(ctx, nil, o, &q.out) }()
	return q
}

// end waits for the end, reports any files left behind, and returns the quick start's error.
func (q *quickstart) end(t *testing.T) error {
	t.Helper()
	var err error
	select {
	case err = <-q.ended:
	case <-time.After(time.Minute):
		t.Fatalf("the quick start has not ended within a minute:\n%s", &q.out)
	}
	for _, pid := range steps.Children(os.Getpid()) {
		t.Errorf("process %s is left, want none", pid)
	}
	for _, port := range []string{"3000", "8080", "8443", "9900"} {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			t.Errorf("port %s is still open, want it closed", port)
		}
	}
	left, globErr := filepath.Glob(filepath.Join(os.TempDir(), "*"))
	if globErr != nil || len(left) > 0 {
		t.Errorf("%v is left in the temporary directory, want nothing (%v)", left, globErr)
	}
	return err
}

// awaitSteps waits until the quick start has printed what to try, and returns the commands.
func (q *quickstart) awaitSteps(t *testing.T) []string {
	t.Helper()
	const last = "Ctrl-C stops everything."
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(q.out.String(), last); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-q.ended:
			t.Fatalf("the quick start has ended: %v\n%s", err, &q.out)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the quick start was not ready within two minutes:\n%s", &q.out)
		}
	}
	text, _, _ := strings.Cut(q.out.String(), last)
	if i := strings.Index(text, "name=ready"); i < 0 || i > strings.Index(text, "Try, in another terminal") {
		t.Errorf("got the commands before the startup's last line, want them after it:\n%s", text)
	}
	var commands []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "  "); ok {
			command, _, _ = strings.Cut(strings.TrimSpace(command), "   ") // without the description
			commands = append(commands, command)
		}
	}
	return commands
}

// tries are the printed commands, found by a text in them, and what each has to print.
var tries = []struct {
	acme          bool
	command, want string
}{
	{false, "curl -k https://localhost:8443/", `"upstream":"sample","method":"GET","target":"/"`},
	{false, "curl -k --http1.1 https://localhost:8443/stream", "data: event 3"},
	{false, "curl -i http://localhost:8080/", "Location: https://localhost:8443/"},
	{false, "curl -i http://127.0.0.1:9900/health", "HTTP/1.1 200 OK"},
	{false, "status --config", `"config":{"path":"`},
	{false, "reload --config", `{"status":"ok","sites":1,`},
	{false, "${EDITOR:-vi}", "config.toml"},
	{true, "curl --cacert", `"host":"www.example.test:8443"`},
	{true, "ls -l", "www.example.test"},
	{true, "status --config", `"names":["www.example.test"],"source":"acme"`},
	{true, "${EDITOR:-vi}", "config.toml"},
	{true, "reload --config", `{"status":"ok","sites":2,`},
}

func TestEveryCommandThatIsPrintedWorks(t *testing.T) {
	for _, program := range []string{"curl", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed; in CI it must be: make deps", program)
			}
			t.Skipf("%s is not installed; make deps installs it", program)
		}
	}
	if os.Getenv(inNetwork) == "" {
		// Missing modules could not be fetched from inside the network.
		if err := acmetest.BuildPebble(t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
	if !needNetwork(t) {
		return
	}
	t.Chdir(filepath.Join("..", ".."))
	editor := filepath.Join(t.TempDir(), "editor")
	const site = `\n[[listeners.sites]]\nhost = "new.example.test"\nupstream = "127.0.0.1:3000"\n`
	if err := os.WriteFile(editor, []byte("#!/bin/sh\nprintf '"+site+"' >> $1 && ls $1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EDITOR", editor)
	for _, acme := range []bool{false, true} {
		q := begin(t, options{acme: acme})
		commands := q.awaitSteps(t)
		for _, try := range tries {
			if try.acme != acme {
				continue
			}
			if len(commands) == 0 || !strings.Contains(commands[0], try.command) {
				t.Fatalf("got the commands %q, want the next one with %q", commands, try.command)
			}
			out, err := exec.CommandContext(t.Context(), "bash", "-c", commands[0]).CombinedOutput()
			if err != nil || !strings.Contains(string(out), try.want) {
				t.Errorf("%s: got %v and %s, want %q in it", commands[0], err, out, try.want)
			}
			commands = commands[1:]
		}
		if len(commands) > 0 {
			t.Errorf("got the commands %q as well, want each in the test's table", commands)
		}
		q.cancel()
		if err := q.end(t); err != nil {
			t.Errorf("got %v after Ctrl-C, want nil", err)
		}
	}
}

func TestOtherPortsAreTakenWhereTheUsualOnesAreInUse(t *testing.T) {
	if !needNetwork(t) {
		return
	}
	t.Chdir(filepath.Join("..", ".."))
	for _, port := range []string{"3000", "8080", "8443", "9900"} {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
	for _, acme := range []bool{false, true} {
		q := begin(t, options{acme: acme})
		command := q.awaitSteps(t)[0]
		for _, port := range []string{"8080", "8443", "9900"} {
			if want := "port " + port + " is in use; taking "; !strings.Contains(q.out.String(), want) {
				t.Errorf("got %s, want %q in it", &q.out, want)
			}
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", command).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"upstream":"sample"`) {
			t.Errorf("%s: got %v and %s, want the sample upstream's answer", command, err, out)
		}
		q.cancel()
		if err := <-q.ended; err != nil {
			t.Errorf("got %v after Ctrl-C, want nil", err)
		}
	}
}

func TestItRunsInFrontOfAnApplicationOfTheReaders(t *testing.T) {
	if !needNetwork(t) {
		return
	}
	t.Chdir(filepath.Join("..", ".."))
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s of the application", r.URL.Path)
	}))
	defer application.Close()
	q := begin(t, options{upstream: application.Listener.Addr().String()})
	commands := q.awaitSteps(t)
	out, err := exec.CommandContext(t.Context(), "bash", "-c", commands[0]+"page").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "/page of the application") {
		t.Errorf("%s: got %v and %s, want the application's answer", commands[0], err, out)
	}
	for _, command := range commands {
		if strings.Contains(command, "/stream") {
			t.Errorf("got the command %s, which only the sample upstream answers", command)
		}
	}
	if len(steps.Children(os.Getpid())) != 1 {
		t.Errorf("got the processes %v, want only the proxy", steps.Children(os.Getpid()))
	}
	q.cancel()
	if err := q.end(t); err != nil {
		t.Errorf("got %v after Ctrl-C, want nil", err)
	}
}

func TestAnUpstreamThatIsNoneIsRefusedWithTheKey(t *testing.T) {
	if !needNetwork(t) {
		return
	}
	t.Chdir(filepath.Join("..", ".."))
	q := begin(t, options{upstream: "http://127.0.0.1:5173"})
	err := q.end(t)
	if err == nil || !strings.Contains(err.Error(), "did not start") {
		t.Errorf("got %v, want an error that says what did not start", err)
	}
	if want := "listeners[0].sites[0].upstream (line "; !strings.Contains(q.out.String(), want) {
		t.Errorf("got %s, want %q in it", &q.out, want)
	}
	if strings.Contains(q.out.String(), "The proxy serves") {
		t.Errorf("got %s, want no word of serving", &q.out)
	}
}

func TestAProgramThatEndsEndsTheOthers(t *testing.T) {
	if !needNetwork(t) {
		return
	}
	t.Chdir(filepath.Join("..", ".."))
	q := begin(t, options{})
	q.awaitSteps(t)
	for _, pid := range steps.Children(os.Getpid()) {
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err == nil && strings.HasPrefix(string(name), "sample-upstream"[:15]) {
			var number int
			if _, err := fmt.Sscan(pid, &number); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(number, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := q.end(t); err == nil || !strings.Contains(err.Error(), "the sample upstream has ended") {
		t.Errorf("got %v, want it to say that the sample upstream has ended", err)
	}
}
