package conformance_test

import (
	"context"
	"fmt"
	"io/fs"
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

// documentedPath is a place of the reader's machine, which the test has in its own directory.
var documentedPath = regexp.MustCompile(`(^|[\s"=(])/(etc|var|run|usr/local/bin)/`)

// machine is a reader's machine: the paths that the documents name, in a directory and a network of their own, with the
// daemon running.
type machine struct {
	t       *testing.T
	dir     string
	network *netns.Network
	daemon  *exec.Cmd
	// ended gives the daemon's end.
	ended chan error
}

// place moves the paths in a text into the machine.
func (m *machine) place(text string) string {
	return documentedPath.ReplaceAllString(text, "${1}"+m.dir+"/${2}/")
}

// copyPlaced copies a directory of text files, with their paths moved into the machine.
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

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network in which the default ports are free")
	}
	dir, err := os.MkdirTemp("", "rp") // t.TempDir's names are too long for a socket below
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
	goBuild(t, root, "-o", filepath.Join(dir, "usr/local/bin/reverse-proxy"), "./cmd/reverse-proxy")
	output(t, dir, "cp", "usr/local/bin/reverse-proxy", "work/reverse-proxy.new") // the new version
	output(t, dir, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
		"-subj", "/CN=site.example.test", "-addext", "subjectAltName=DNS:site.example.test",
		"-keyout", "etc/reverse-proxy/site.key", "-out", "etc/reverse-proxy/site.pem")
	shipped, err := os.ReadFile(filepath.Join(root, "deploy", "logrotate", "reverse-proxy"))
	if err != nil {
		t.Fatal(err)
	}
	m.copyPlaced(filepath.Join(root, "deploy"), filepath.Join(dir, "work", "deploy"))
	m.copyPlaced(filepath.Join(root, "deploy", "fail2ban"), filepath.Join(dir, "etc", "fail2ban"))
	socket := fmt.Sprintf("admin_socket_path = %q\n", dir+"/run/reverse-proxy/admin.sock") // its default
	for name, text := range map[string]string{
		"etc/reverse-proxy/config.toml":                 socket + m.place(machineConfig),
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
	m.start()
	t.Cleanup(m.stop)
	return m
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
	m.await("curl -sf http://127.0.0.1:9900/health")
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
	_ = cmd.Wait() // the exit code is looked at
	return out.String(), cmd.ProcessState.ExitCode()
}

// await runs a command again and again until it succeeds.
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
