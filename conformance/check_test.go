package conformance_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkedConfig names everything that a start would create: a log file, an ACME cache, an admin socket, and ports. Its
// upstreams are addresses, so that no name server is asked for them.
const checkedConfig = `health_check_port = 9900
admin_socket_path = "%[1]s/admin.sock"
[logging]
log_file_path = "%[1]s/proxy.log"
[rate_limit]
requests_per_second = 100
burst = %[2]d
[body]
limit_bytes = 104857600
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 8080
https_port = 8443
[listeners.tls]
mode = "acme"
acme_domains = ["git.example.test"]
acme_cache_dir = "%[1]s/acme"
acme_contact = "mailto:admin@example.test"
acme_directory = "https://127.0.0.1:14000/dir"
[[listeners.sites]]
host = "git.example.test"
upstream = "127.0.0.1:3000"
[[listeners]]
bind_addr = "127.0.0.2"
https_port = 8443
http_port = 0
[listeners.tls]
mode = "manual"
cert_path = "%[1]s/missing.pem"
key_path = "%[1]s/missing.key"
[[listeners.sites]]
host = "www.example.test"
upstream = "127.0.0.1:3001"
`

// readOnlyCall matches the system calls on files and sockets that the check may make: to execute itself, and to examine
// and read files. Any other call, such as one that creates a socket, changes something or contacts another program.
var readOnlyCall = regexp.MustCompile(`^(execve\(|openat\(.*, O_RDONLY(\|(O_CLOEXEC|O_NONBLOCK|O_DIRECTORY|O_LARGEFILE))*\)` +
	`|access\(|faccessat2?\(|newfstatat\(|fstatat64\(|stat\(|lstat\(|statx\(|statfs\(|readlink(at)?\(|getcwd\()`)

// writtenFlag matches an open that could change a file.
var writtenFlag = regexp.MustCompile(`O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)`)

// snapshot describes everything below a directory: names, modes, sizes and modification times.
func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%s %v %d %v", path, info.Mode(), info.Size(), info.ModTime()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestCheckChangesNothingAndContactsNobody(t *testing.T) {
	strace := needProgram(t, "strace", "strace")
	binary := filepath.Join(t.TempDir(), "reverse-proxy")
	goBuild(t, projectRoot(t), "-o", binary, "./cmd/reverse-proxy")
	for _, c := range []struct {
		name  string
		args  []string
		burst int
		code  int
		says  string
	}{
		{"a file with an error is refused", []string{"check"}, 100, 1, "missing.pem"},
		{"a file with an error is refused by --validate", []string{"--validate"}, 100, 1, "missing.pem"},
		{"a file with a warning is accepted", []string{"check"}, 5, 0, "warning: rate_limit.burst (line 7): "},
		{"a file with a warning is accepted, as JSON", []string{"check", "--json"}, 5, 0, `"warnings":[{"key":"rate_limit.burst"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
			text := fmt.Sprintf(checkedConfig, dir, c.burst)
			if c.code == 0 {
				text, _, _ = strings.Cut(text, "[[listeners]]\nbind_addr = \"127.0.0.2\"")
			}
			config := filepath.Join(dir, "config.toml")
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			args := []string{"-f", "-qq", "-e", "signal=none", "-o", trace, "-e",
				"trace=%file,%network,openat2,fchmod,fchown,ftruncate,fsetxattr,fallocate", binary}
			command := exec.Command(strace, append(append(args, c.args...), "--config", config)...)
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
			out, _ := command.CombinedOutput() // the exit code is checked below
			if got := command.ProcessState.ExitCode(); got != c.code || !strings.Contains(string(out), c.says) {
				t.Fatalf("got the exit code %d and %q, want %d and %q", got, out, c.code, c.says)
			}
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("the directory has changed (-before +after):\n%s", diff)
			}
			checkTrace(t, trace, config)
		})
	}
}

// checkTrace checks every call that strace has recorded.
func checkTrace(t *testing.T, trace, config string) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for line := range strings.Lines(string(text)) {
		_, call, _ := strings.Cut(strings.TrimSpace(line), " ") // drops the thread's number
		call = strings.TrimSpace(call)
		if strings.HasPrefix(call, "<...") || strings.HasPrefix(call, "+++") {
			continue // the end of an earlier call, or of a thread
		}
		seen = seen || strings.Contains(call, config) && strings.HasPrefix(call, "openat(")
		call = strings.Replace(call, " <unfinished ...>", ")", 1)
		if !readOnlyCall.MatchString(call) || writtenFlag.MatchString(call) {
			t.Errorf("the check has called %s", call)
		}
	}
	if !seen {
		t.Errorf("the trace does not show how the configuration was read:\n%s", text)
	}
}
