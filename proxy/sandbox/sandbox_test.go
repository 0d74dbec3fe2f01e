package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/eventlog"
)

// childDir is the variable that names the directory of its files to the process that TestInsideTheSandbox
// starts.
const childDir = "REVERSE_PROXY_TEST_SANDBOX"

// sandboxedConfig returns a configuration whose files are in the directories that makeFiles creates.
func sandboxedConfig(dir string) *config.Config {
	return &config.Config{
		Path: filepath.Join(dir, "config", "config.toml"), Sandbox: true, AdminSocketPath: filepath.Join(dir, "run", "admin.sock"),
		Logging: eventlog.Options{FilePath: filepath.Join(dir, "log", "proxy.log")},
		Listeners: []config.Listener{
			{TLS: config.TLS{ACMECacheDir: filepath.Join(dir, "acme"), ACMECAPath: filepath.Join(dir, "roots", "ca.pem")}},
			{TLS: config.TLS{Certificates: []config.CertificateFiles{{
				CertPath: filepath.Join(dir, "live", "site.pem"), KeyPath: filepath.Join(dir, "keys", "site.key")}}},
				Sites: []config.Site{{Routes: []config.Route{{Path: "/"}, {Path: "/closed", RespondFile: filepath.Join(dir, "pages", "closed.html")}}}}},
		},
	}
}

// makeFiles creates what the configuration names. The certificate is a symbolic link, as with certbot.
func makeFiles(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"config/config.toml", "config/next.toml", "run/admin.sock", "run/other", "log/proxy.log", "acme/a.example",
		"roots/ca.pem", "archive/site1.pem", "archive/site2.pem", "keys/site.key", "pages/closed.html", "pages/next.html", "outside/file"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "live"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../archive/site1.pem", filepath.Join(dir, "live", "site.pem")); err != nil {
		t.Fatal(err)
	}
}

// attemptsIn returns what a sandboxed process tries, by name; allowed lists what must work.
func attemptsIn(dir string) (attempts map[string]func() error, allowed []string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	read := func(name string) func() error {
		return func() error { _, err := os.ReadFile(name); return err }
	}
	write := func(name string, flags int) func() error {
		return func() error {
			f, err := os.OpenFile(name, flags, 0o600)
			if err != nil {
				return err
			}
			return f.Close()
		}
	}
	attempts = map[string]func() error{
		"read the configuration":         read(in("config/config.toml")),
		"read one that was renamed over": read(in("config/next.toml")),
		"read the certificate":           read(in("live/site.pem")),
		"read the renewed certificate":   read(in("archive/site2.pem")),
		"read the key":                   read(in("keys/site.key")),
		"read the CA's root":             read(in("roots/ca.pem")),
		"read a fixed answer":            read(in("pages/closed.html")),
		"read the next fixed answer":     read(in("pages/next.html")),
		"read the hosts":                 read("/etc/hosts"),
		"list the descriptors":           func() error { _, err := os.ReadDir("/proc/self/fd"); return err },
		"append to the log":              write(in("log/proxy.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE),
		"create the log again":           write(in("log/new.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE),
		"rewrite a certificate in the cache": func() error {
			if err := write(in("acme/new"), os.O_WRONLY|os.O_TRUNC|os.O_CREATE)(); err != nil {
				return err
			}
			return os.Rename(in("acme/new"), in("acme/a.example"))
		},
		"remove the admin socket": func() error { return os.Remove(in("run/admin.sock")) },
		"connect":                 func() error { return connectTo(os.Getenv("REVERSE_PROXY_TEST_ADDRESS")) },
	}
	for name := range attempts {
		allowed = append(allowed, name)
	}
	for name, attempt := range map[string]func() error{
		"read elsewhere":             read(in("outside/file")),
		"read another's environment": read(fmt.Sprintf("/proc/%d/environ", os.Getppid())),
		"list elsewhere":             func() error { _, err := os.ReadDir(dir); return err },
		"write elsewhere":            write(in("outside/file"), os.O_WRONLY),
		"make a file elsewhere":      write(in("outside/new"), os.O_WRONLY|os.O_CREATE),
		"write the configuration":    write(in("config/config.toml"), os.O_WRONLY),
		"write a key":                write(in("keys/site.key"), os.O_WRONLY),
		"remove the log":             func() error { return os.Remove(in("log/proxy.log")) },
		"make a directory":           func() error { return os.Mkdir(in("acme/dir"), 0o700) },
		"make a link":                func() error { return os.Symlink("/etc/passwd", in("acme/link")) },
		"make a socket":              func() error { ln, err := net.Listen("unix", in("run/s")); closeIf(ln); return err },
		"move out of the cache":      func() error { return os.Rename(in("acme/a.example"), in("log/a.example")) },
		"execute":                    func() error { return exec.Command("/bin/true").Run() },
		"listen":                     listenPlain,
		"write to proc":              write("/proc/sys/kernel/core_pattern", os.O_WRONLY),
	} {
		attempts[name] = attempt
	}
	slices.Sort(allowed)
	return attempts, allowed
}

// listenPlain listens without MPTCP, which Landlock does not know.
func listenPlain() error {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	ln, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	closeIf(ln)
	return err
}

func closeIf(ln net.Listener) {
	if ln != nil {
		_ = ln.Close()
	}
}

func connectTo(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// TestSandboxChild is the sandboxed process, not a test.
func TestSandboxChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("it is the process that TestInsideTheSandbox starts")
	}
	results := map[string]string{}
	status := Confine(sandboxedConfig(dir))
	results["state"] = status.State
	results["error"] = status.Error
	results["abi"] = fmt.Sprint(status.LandlockABI)
	attempts, allowed := attemptsIn(dir)
	// Attempts that remove something come after those that look at it.
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range attempts {
			if !slices.Contains(allowed, name) && !yield(name) {
				return
			}
		}
	})
	for _, name := range append(names, allowed...) {
		results[name] = ""
		// Threads are restricted too.
		done := make(chan error)
		go func() { done <- attempts[name]() }()
		if err := <-done; err != nil {
			results[name] = err.Error()
			if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
				results[name] = "denied"
			}
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) == 0 {
		t.Fatal("no threads found")
	}
	results["threads"] = "confined"
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil && !strings.Contains(string(text), "NoNewPrivs:\t1\n") {
			results["threads"] = thread
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		t.Fatal(err)
	}
	os.Exit(0) // before the testing package writes coverage counters, which is forbidden in here
}

// inSandbox runs the child and returns its results.
func inSandbox(t *testing.T, dir string) map[string]string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSandboxChild$")
	child.Env = append(os.Environ(), childDir+"="+dir, "REVERSE_PROXY_TEST_ADDRESS="+ln.Addr().String())
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	var results map[string]string
	if err := json.Unmarshal([]byte(line), &results); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return results
}

func TestInsideTheSandbox(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir)
	results := inSandbox(t, dir)
	if got := results["threads"]; got != "confined" {
		t.Errorf("got a thread that may gain privileges (%s), want none", got)
	}
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		if results["state"] != unavailable || results["error"] == "" {
			t.Errorf("got the state %q with %q, want unavailable with the reason", results["state"], results["error"])
		}
		t.Skipf("this kernel has no Landlock (%v), so that only no_new_privs was looked at", err)
	}
	if results["state"] != config.SandboxOn || results["abi"] != fmt.Sprint(abi) {
		t.Fatalf("got the state %q, ABI %s and %q, want on with ABI %d", results["state"], results["abi"], results["error"], abi)
	}
	attempts, allowed := attemptsIn(dir)
	for name := range attempts {
		want := "denied"
		switch {
		case slices.Contains(allowed, name):
			want = ""
		case name == "listen" && abi < 4:
			continue // that kernel cannot forbid it
		case name == "move out of the cache":
			want = "" // checked below: without a right to move, it is another error
		}
		if got := results[name]; got != want && name != "move out of the cache" {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if results["move out of the cache"] == "" {
		t.Error("move out of the cache: got no error, want one")
	}
}

func TestSandboxExplainsWhatItMayHaveRefused(t *testing.T) {
	refused := config.Errors{{Key: "a", Problem: "permission denied; let the user read it"}, {Key: "b", Problem: "missing"}}
	other := errors.New("permission denied")
	for _, state := range []string{config.SandboxOn, config.SandboxOff, unavailable} {
		s := Status{State: state}
		var explained config.Errors
		if !errors.As(s.Explain(refused), &explained) {
			t.Fatalf("%s: got %v, want errors of the configuration", state, s.Explain(refused))
		}
		lines := explained.Lines()
		if got := strings.HasSuffix(lines[0], "named at the start"); got != (state == config.SandboxOn) || lines[1] != "b: missing" {
			t.Errorf("%s: got %q", state, lines)
		}
		if s.Explain(other) != other || s.Explain(nil) != nil {
			t.Errorf("%s: got another error, want the same", state)
		}
	}
	if strings.Contains(refused[0].Problem, "start") {
		t.Error("the errors of the caller were changed")
	}
}

// TestAReloadMayReadEveryFileThatItChecks gives each key of `[listeners.tls]` and of the store that names a file a file of
// its own.
func TestAReloadMayReadEveryFileThatItChecks(t *testing.T) {
	cfg := &config.Config{Listeners: make([]config.Listener, 1)}
	var named []string
	var name func(v reflect.Value)
	name = func(v reflect.Value) {
		for i := range v.NumField() {
			field, value := v.Type().Field(i), v.Field(i)
			switch {
			case value.Kind() == reflect.Struct:
				name(value)
			case value.Kind() == reflect.String && (strings.HasSuffix(field.Name, "File") || strings.HasSuffix(field.Name, "Path")):
				named = append(named, "/"+v.Type().Name()+"/"+field.Name)
				value.SetString(named[len(named)-1])
			}
		}
	}
	name(reflect.ValueOf(&cfg.Listeners[0].TLS).Elem())
	name(reflect.ValueOf(&cfg.Store).Elem())
	if len(named) < 5 {
		t.Fatalf("got the keys %v, want those of all files", named)
	}
	for _, path := range named {
		if !slices.ContainsFunc(table(cfg), func(r row) bool { return r.path == path && r.rights == rightRead }) {
			t.Errorf("%s may not be read after the start, and a reload reads it", path)
		}
	}
}

func TestSandboxRowsFollowSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	makeFiles(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, link := range [][2]string{{"nowhere", "broken"}, {"circle", "circle"}, {in("config/config.toml"), "absolute"}, {"absolute", "twice"}} {
		if err := os.Symlink(link[0], in(link[1])); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		row  row
		want []string
	}{
		{"a row without a path opens nothing", row{}, nil},
		{"a file opens its directory", row{path: in("keys/site.key")}, []string{in("keys")}},
		{"a file that is not there yet opens its directory", row{path: in("log/other.log")}, []string{in("log")}},
		{"a file in a directory that is not there opens nothing", row{path: in("missing/file")}, nil},
		{"a link, as certbot has it, opens both directories", row{path: in("live/site.pem")}, []string{in("archive"), in("live")}},
		{"links in a chain open every directory", row{path: in("twice")}, []string{dir, in("config")}},
		{"a link to nothing opens its own directory", row{path: in("broken")}, []string{dir}},
		{"links in a circle open their own directory", row{path: in("circle")}, []string{dir}},
		{"a tree opens itself", row{path: in("acme"), tree: true}, []string{in("acme")}},
		{"a tree that is not there opens nothing", row{path: in("missing"), tree: true}, nil},
		{"a tree that is a file opens nothing", row{path: in("keys/site.key"), tree: true}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.row.directories(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
