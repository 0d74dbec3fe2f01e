package conformance_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/steps"
)

// proxyBodyLimit is the longest body that the daemon accepts: a pack of 100 MiB with git's overhead.
const proxyBodyLimit = 128 << 20

// proxyConfig is the configuration of a loopback daemon for the client programs; its limits do not get in their way.
const proxyConfig = `health_check_port = %d
admin_socket_path = ""
[rate_limit]
requests_per_second = 1000000
burst = 1000000
[body]
limit_bytes = %d
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 0
https_port = %d
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "localhost"
upstream = %[4]q
[[listeners]]
bind_addr = "127.0.0.1"
http_port = 0
https_port = %[5]d
[listeners.tls]
mode = "self_signed"
[[listeners.sites]]
host = "localhost"
upstream = %[4]q
upstream_protocol = "http2"
`

// proxyProcess is a running daemon.
type proxyProcess struct {
	// port is its HTTPS port on 127.0.0.1. toHTTP2 is another one, for which it speaks HTTP/2 to the upstream.
	port, toHTTP2 int
	// log is its log file.
	log string
}

// startProxy starts the real binary on a port of 127.0.0.1, with a self-signed certificate, as the site localhost in
// front of the handler. It returns when the daemon serves. At the end of the test the daemon must stop with exit code 0.
func startProxy(t *testing.T, handler http.Handler) proxyProcess {
	t.Helper()
	return startProxyWithHealth(t, handler, 0)
}

// sharedPort returns a port of 127.0.0.1 that no other test takes while this one runs.
func sharedPort(t *testing.T) int {
	t.Helper()
	port, release, err := steps.SharedPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// startProxyWithHealth is startProxy with a health port; 0 for none.
func startProxyWithHealth(t *testing.T, handler http.Handler, health int) proxyProcess {
	t.Helper()
	upstream := startUpstream(t, handler)
	port, toHTTP2 := sharedPort(t), sharedPort(t)
	log := startBinary(t, fmt.Sprintf(proxyConfig, health, proxyBodyLimit, port, upstream, toHTTP2))
	awaitAnswer(t, fmt.Sprintf("https://localhost:%d/", port), log)
	return proxyProcess{port, toHTTP2, log}
}

// overBoth runs a test with the port of each version of HTTP that the proxy speaks to the upstream, whose answers name it in
// the field protocolField.
func (p proxyProcess) overBoth(t *testing.T, run func(t *testing.T, port int, upstream string)) {
	t.Helper()
	for _, over := range []struct {
		port     int
		upstream string
	}{{p.port, "HTTP/1.1"}, {p.toHTTP2, "HTTP/2.0"}} {
		t.Run("to the upstream over "+over.upstream, func(t *testing.T) { run(t, over.port, over.upstream) })
	}
}

// startBinary starts the real binary with a configuration, and returns the path of its log. At the end of the test the daemon
// must stop with exit code 0.
func startBinary(t *testing.T, text string) (logPath string) {
	t.Helper()
	dir := t.TempDir()
	binary, config := filepath.Join(dir, "reverse-proxy"), filepath.Join(dir, "config.toml")
	root := projectRoot(t)
	buildCoveredDaemon(t, root, binary)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	daemon := exec.Command(binary, "--config", config)
	daemon.Stdout, daemon.Stderr = log, log
	daemon.Env = append(os.Environ(), "NOTIFY_SOCKET=", "GOCOVERDIR="+coverDir(t, root), "GORACE=atexit_sleep_ms=0")
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("got %v at the daemon's end, want exit code 0:\n%s", err, lastBytes(log.Name()))
			}
		case <-time.After(time.Minute):
			_ = daemon.Process.Kill()
			<-ended
			t.Error("the daemon has not ended within a minute")
		}
	})
	return log.Name()
}

// startUpstream serves the handler on a port of 127.0.0.1, over HTTP/1.1 and HTTP/2, and returns its address.
func startUpstream(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener) // returns after Close, which is not an error
		close(served)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// awaitAnswer waits until the URL is answered, with any status.
func awaitAnswer(t *testing.T, url, log string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get(url)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v for 30 s, want an answer; the daemon's log:\n%s", url, err, lastBytes(log))
		}
	}
}

// lastBytes returns the end of a file, for a failure message.
func lastBytes(path string) string {
	const most = 4 << 10
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-most), io.SeekStart)
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// needProgram returns the path of a program from a Debian package. If it is missing the test is skipped, but fails in
// CI, where `make deps` must have installed it.
func needProgram(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	why := fmt.Sprintf("%s is not installed; make deps installs it, from the Debian package %s", program, debian)
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}
