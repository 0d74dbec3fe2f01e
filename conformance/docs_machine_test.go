package conformance_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"reverse-proxy/conformance/netns"
)

// documentedPath matches a path on the reader's machine, which the test has in its own directory.
var documentedPath = regexp.MustCompile(`(^|[\s"=(])/(etc|var|run|usr/local/bin)/`)

// machine is a reader's machine with the daemon running. The paths that the documents name are in its own directory,
// and it has its own network.
type machine struct {
	t       *testing.T
	dir     string
	network *netns.Network
	daemon  *exec.Cmd
	// ended receives the daemon's exit.
	ended chan error
}

// place rewrites the paths in a text to those of the machine.
func (m *machine) place(text string) string {
	return documentedPath.ReplaceAllString(text, "${1}"+m.dir+"/${2}/")
}

// copyPlaced copies a directory of text files, with their paths rewritten to those of the machine.
func (m *machine) copyPlaced(from, to string) {
	m.t.Helper()
	files := os.DirFS(from)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), []byte(m.place(string(text))), 0o644)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// machineConfig is a configuration with the documents' paths and small limits.
const machineConfig = `[logging]
log_file_path = "/var/log/reverse-proxy/proxy.log"
[rate_limit]
requests_per_second = 0.001
burst = 2
[body]
limit_bytes = 104857600
[[listeners]]
bind_addr = "127.0.0.1"
[listeners.tls]
mode = "manual"
cert_path = "/etc/reverse-proxy/site.pem"
key_path = "/etc/reverse-proxy/site.key"
[[listeners.sites]]
host = "site.example.test"
upstream = "127.0.0.1:3000"
`

// defaultConfigWrapper calls the installed binary with the machine's paths in place of the built-in defaults.
const defaultConfigWrapper = `#!/bin/sh
case " $* " in
*" --config "* | *" --version "*) exec %[1]s/usr/local/bin/reverse-proxy "$@" ;;
*) exec %[1]s/usr/local/bin/reverse-proxy "$@" --config %[1]s/etc/reverse-proxy/config.toml ;;
esac
`

// buildDaemon builds the binary for one or more machines.
func buildDaemon(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reverse-proxy")
	goBuild(t, projectRoot(t), "-o", path, "./cmd/reverse-proxy")
	return path
}

// newMachine makes a machine with a daemon that runs with machineConfig.
func newMachine(t *testing.T, binary string) *machine {
	t.Helper()
	m := bareMachine(t, binary)
	m.configure(machineConfig)
	m.start()
	t.Cleanup(m.stop)
	return m
}

// bareMachine makes a machine with the binary, all shipped files, and a certificate for site.example.test, but without a
// configuration.
func bareMachine(t *testing.T, binary string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network in which the default ports are free")
	}
	dir, err := os.MkdirTemp("", "rp") // t.TempDir's names are too long for a socket path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	network, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = network.Close() })
	m := &machine{t: t, dir: dir, network: network}
	for _, name := range []string{"etc/reverse-proxy", "etc/logrotate.d", "etc/systemd/system",
		"usr/local/bin", "var/log/reverse-proxy", "var/lib/reverse-proxy/acme", "run/reverse-proxy", "bin", "work"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := projectRoot(t)
	output(t, dir, "cp", binary, "usr/local/bin/reverse-proxy")
	output(t, dir, "cp", "usr/local/bin/reverse-proxy", "work/reverse-proxy.new") // the new version
	m.certify("etc/reverse-proxy/site.pem", "etc/reverse-proxy/site.key", "site.example.test")
	shipped, err := os.ReadFile(filepath.Join(root, "deploy", "logrotate", "reverse-proxy"))
	if err != nil {
		t.Fatal(err)
	}
	m.copyPlaced(filepath.Join(root, "deploy"), filepath.Join(dir, "work", "deploy"))
	m.copyPlaced(filepath.Join(root, "deploy", "fail2ban"), filepath.Join(dir, "etc", "fail2ban"))
	for name, text := range map[string]string{
		"etc/logrotate.d/reverse-proxy":                 m.place(string(shipped)),
		"var/lib/reverse-proxy/acme/acme_refusals.json": `{"refusals": []}`,
		"work/broken.toml":                              "[rate_limit]\nrequests_per_second = 1\nburst = 1\n[body]\nlimit_bytes = 1\n",
		"bin/reverse-proxy":                             fmt.Sprintf(defaultConfigWrapper, dir),
	} {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// configure writes the daemon's configuration: the text with its paths rewritten, and the admin socket's default.
func (m *machine) configure(text string) {
	m.t.Helper()
	if !strings.Contains(text, "admin_socket_path") {
		text = "admin_socket_path = \"/run/reverse-proxy/admin.sock\"\n" + text
	}
	if err := os.WriteFile(filepath.Join(m.dir, "etc/reverse-proxy/config.toml"), []byte(m.place(text)), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// certify makes a self-signed certificate for the names, in two files of the machine.
func (m *machine) certify(certificate, key string, names ...string) {
	m.t.Helper()
	for _, path := range []string{certificate, key} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(m.dir, path)), 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	output(m.t, m.dir, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
		"-subj", "/CN="+names[0], "-addext", "subjectAltName=DNS:"+strings.Join(names, ",DNS:"), "-keyout", key, "-out", certificate)
}

// background starts a program on the machine, which ends with the test.
func (m *machine) background(name string, args ...string) *exec.Cmd {
	m.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = m.dir, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.network.Do(cmd.Start); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()
	})
	return cmd
}

// upstream serves the handler on an address of the machine until the test ends.
func (m *machine) upstream(address string, handler http.Handler) {
	m.t.Helper()
	var listener net.Listener
	if err := m.network.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener) // returns after Close, which is not an error
		close(served)
	}()
	m.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
}

// start starts the daemon as the documents say, and waits until it serves.
func (m *machine) start() {
	m.t.Helper()
	m.daemon = exec.Command(filepath.Join(m.dir, "usr/local/bin/reverse-proxy"), "--config", filepath.Join(m.dir, "etc/reverse-proxy/config.toml"))
	m.daemon.Stderr = os.Stderr
	m.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.network.Do(m.daemon.Start); err != nil {
		m.t.Fatal(err)
	}
	daemon, ended := m.daemon, make(chan error, 1)
	m.ended = ended
	go func() { ended <- daemon.Wait() }()
	m.await(`curl -sf http://127.0.0.1:9900/health && ! reverse-proxy status --json | grep -q '"starting":true'`)
}

// stop ends the daemon.
func (m *machine) stop() {
	m.t.Helper()
	_ = m.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-m.ended:
		if err != nil {
			m.t.Errorf("got %v at the daemon's end, want exit code 0", err)
		}
	case <-time.After(time.Minute):
		m.t.Fatal("the daemon has not ended within a minute")
	}
}

// run runs a command of a document on the machine.
func (m *machine) run(command string) (string, int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", m.place(command))
	cmd.Dir = filepath.Join(m.dir, "work")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(m.dir, "bin")+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := m.network.Do(cmd.Start); err != nil {
		m.t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is checked
	return out.String(), cmd.ProcessState.ExitCode()
}

// dial opens a connection from inside the machine, over TLS unless secure is nil. Reads and writes fail after half a minute.
func (m *machine) dial(address string, secure *tls.Config) net.Conn {
	m.t.Helper()
	var conn net.Conn
	if err := m.network.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", address, 30*time.Second)
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if secure != nil {
		return tls.Client(conn, secure)
	}
	return conn
}

// await repeats a command until it succeeds.
func (m *machine) await(command string) {
	m.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, code := m.run(command)
		if code == 0 {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: got %d and %q for 30 s, want success", command, code, out)
		}
	}
}
