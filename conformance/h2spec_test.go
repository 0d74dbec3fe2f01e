package conformance_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// h2specCases is how many cases h2spec has with --strict.
const h2specCases = 146

// h2specConfig makes a daemon that serves localhost with a certificate of its own.
const h2specConfig = `
health_check_port = 0
admin_socket_path = ""
[rate_limit]
requests_per_second = 100000
burst = 100000
[body]
limit_bytes = 104857600
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 0
https_port = %d
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "localhost"
upstream = "%s"
`

var h2specSummary = regexp.MustCompile(`(?m)^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed$`)

// TestH2Spec runs h2spec, which does what RFC 9113 and RFC 7541 forbid a client, against the real binary.
func TestH2Spec(t *testing.T) {
	root, dir := projectRoot(t), t.TempDir()
	daemon, h2spec := filepath.Join(dir, "reverse-proxy"), filepath.Join(dir, "h2spec")
	flags := []string{"-cover", "-coverpkg=reverse-proxy/proxy,reverse-proxy/cmd/reverse-proxy"}
	if raceDetectorWorks() {
		flags = append(flags, "-race")
	}
	goBuild(t, root, append(flags, "-o", daemon, "./cmd/reverse-proxy")...)
	goBuild(t, root, "-o", h2spec, "github.com/summerwind/h2spec/cmd/h2spec")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a client that breaks off is what this is about
		_, _ = io.WriteString(w, "an answer with a body, of which windows of a few bytes let go only a part")
	}))
	t.Cleanup(upstream.Close)
	port := startH2SpecDaemon(t, daemon, coverDir(t, root), upstream.Listener.Addr().String())

	cmd := exec.CommandContext(t.Context(), h2spec, "--strict", "-t", "-k", "-h", "localhost", "-p", strconv.Itoa(port), "-o", "5")
	out, err := cmd.CombinedOutput()
	found := h2specSummary.FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("h2spec: got no summary (%v), want one:\n%s", err, out)
	}
	number := func(i int) int { n, _ := strconv.Atoi(found[i]); return n }
	if total, failed := number(1), number(4); total != h2specCases || failed != 0 {
		t.Errorf("h2spec: got %d cases of which %d failed, want %d and 0:\n%s", total, failed, h2specCases, out)
	}
	if skipped := number(3); skipped > 1 {
		t.Errorf("h2spec: got %d cases skipped, want at most 1", skipped)
	}
}

// startH2SpecDaemon starts the daemon on a free port, and ends it with the test; it returns the port.
func startH2SpecDaemon(t *testing.T, daemon, counters, upstream string) int {
	t.Helper()
	for range 10 {
		port := 28000 + rand.IntN(4000) // under the range of ephemeral ports
		probe, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := probe.Close(); err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(config, fmt.Appendf(nil, h2specConfig, port, upstream), 0o600); err != nil {
			t.Fatal(err)
		}
		if h2specDaemonStarted(t, exec.Command(daemon, "--config", config), counters) {
			return port
		}
	}
	t.Fatal("the daemon did not start on any of 10 ports")
	return 0
}

// h2specDaemonStarted starts the daemon and waits until it is ready; false when it ends before.
func h2specDaemonStarted(t *testing.T, cmd *exec.Cmd, counters string) bool {
	t.Helper()
	cmd.Env = append(os.Environ(), "GOCOVERDIR="+counters)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "name=ready") {
				close(ready)
			}
		}
		ended <- cmd.Wait()
	}()
	select {
	case <-ready:
	case <-ended:
		return false
	case <-time.After(30 * time.Second):
		t.Error("the daemon was not ready after 30 s")
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which the next line tells
		if err := <-ended; err != nil || stderr.Len() > 0 {
			t.Errorf("the daemon ended with %v and printed %q, want exit code 0 and nothing", err, stderr.String())
		}
	})
	return true
}
