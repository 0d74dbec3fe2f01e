package steps

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// launch says how to start the daemon.
type launch struct {
	flags []string
	env   map[string]string
	// noNotify omits NOTIFY_SOCKET.
	noNotify bool
	// descriptors is the limit of open files; 0 keeps the default.
	descriptors int
	// inherited is the number of open files that the daemon gets from its parent.
	inherited int
	// ordinary makes the daemon run as a user without privileges.
	ordinary bool
	// sockets are passed to the daemon as by a service manager; activated makes systemd-socket-activate do it.
	sockets   []heldSocket
	activated bool
	// listens sets LISTEN_PID to the daemon's own number even without sockets.
	listens bool
	// noLandlock makes the kernel appear not to have Landlock.
	noLandlock bool
	// killedAt is the system call and the path at which the next daemon is killed.
	killedAt [2]string
	// released starts the released build of the daemon.
	released bool
	// stdout receives the daemon's log; nil for the suite.
	stdout *os.File
}

// defaultConfig makes the initial configuration of every scenario: one listener on its own address, with a certificate
// for example.test and *.example.test, no sites, and limits that do not get in the way.
func (w *World) defaultConfig() error {
	health, err := w.addresses.sharedPort("health")
	if err != nil {
		return err
	}
	w.config = &config{root: map[string]any{
		"health_check_port":     health,
		"admin_socket_path":     w.adminSocket(),
		"shutdown_timeout_secs": 10,
		"logging":               map[string]any{"level": "debug"},
		"rate_limit":            map[string]any{"requests_per_second": 1000, "burst": 1000},
		"body":                  map[string]any{"limit_bytes": 1 << 20},
	}}
	return w.addListener()
}

// addListener adds a listener to the configuration, with its own addresses and certificate.
func (w *World) addListener() error {
	n := len(tables(w.config.root, "listeners"))
	number := strconv.Itoa(n + 1)
	addr := w.addresses.address(n + 1)
	https, err := w.addresses.port("https"+number, addr)
	if err != nil {
		return err
	}
	http, err := w.addresses.port("http"+number, addr)
	if err != nil {
		return err
	}
	name := "listener" + number
	if err := w.writeCertificate(name, certificate{names: []string{"example.test", "*.example.test"}}); err != nil {
		return err
	}
	w.config.root["listeners"] = append(tables(w.config.root, "listeners"), map[string]any{
		"bind_addr": addr, "http_port": http, "https_port": https,
		"tls": map[string]any{"mode": "manual", "cert_path": w.certPath(name), "key_path": w.keyPath(name)},
	})
	return nil
}

func (w *World) configPath() string  { return filepath.Join(w.dir, "config.toml") }
func (w *World) adminSocket() string { return filepath.Join(w.dir, "admin.sock") }

// writeConfig replaces the daemon's configuration file by a rename, so that a reload never sees half of it.
func (w *World) writeConfig() error {
	if err := w.nameACMEDomains(); err != nil {
		return err
	}
	text, err := w.config.text()
	if err != nil {
		return err
	}
	next := w.configPath() + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	if w.launch.ordinary {
		if err := os.Chown(next, nobody, nobody); err != nil {
			return err
		}
	}
	return os.Rename(next, w.configPath())
}

// startDaemon starts the daemon with the current configuration, without waiting for anything.
func (w *World) startDaemon() error {
	if err := w.writeConfig(); err != nil {
		return err
	}
	args := append([]string{"--config", w.configPath()}, w.launch.flags...)
	cmd := w.binary(args)
	for range w.launch.inherited {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	if w.launch.ordinary {
		if err := w.ordinaryBinary(cmd); err != nil {
			return err
		}
	}
	if len(w.launch.sockets) > 0 || w.launch.listens {
		cmd = w.passSockets(cmd)
	}
	if w.launch.activated {
		var err error
		if cmd, err = w.activate(cmd); err != nil {
			return err
		}
	}
	if w.launch.noLandlock {
		var err error
		if cmd, err = tracedWithoutLandlock(cmd); err != nil {
			return err
		}
	}
	if call, path := w.launch.killedAt[0], w.launch.killedAt[1]; call != "" {
		var err error
		// With --seccomp-bpf strace would miss some of the calls that -P selects.
		if cmd, err = traced(cmd, "-P", path, "-e", "trace="+call, "-e", "inject="+call+":signal=SIGKILL"); err != nil {
			return err
		}
		w.launch.killedAt = [2]string{}
	}
	if w.names != nil {
		cmd = w.names.withNames(cmd)
	}
	if w.launch.stdout != nil {
		cmd.Stdout = w.launch.stdout
	}
	p, err := w.start("reverse-proxy", cmd)
	if err != nil {
		return err
	}
	p.daemon = true
	w.daemon, w.logMark = p, 0
	return nil
}

// awaitReady waits for READY=1, and fails at once if the daemon ends.
func (w *World) awaitReady() error {
	if w.launch.noNotify {
		return w.eventually(func() error {
			if !w.daemon.running() {
				return w.endedEarly()
			}
			_, err := w.findLine("STARTUP", map[string]string{"step": "10"}, 0)
			return err
		})
	}
	select {
	case <-w.notify.ready:
		return nil
	case <-w.daemon.exited:
		return w.endedEarly()
	case <-time.After(patience):
		return fmt.Errorf("no READY=1 within %v", patience)
	}
}

func (w *World) endedEarly() error {
	return fmt.Errorf("the daemon ended before it was ready: %v: %s", w.daemon.cmd.ProcessState, w.daemon.stderr.text())
}

// binary returns a command of the daemon's binary with the scenario's environment and limit of open files.
func (w *World) binary(args []string) *exec.Cmd {
	path := w.suite.Binary
	if w.launch.released {
		path = w.suite.Released
	}
	cmd := exec.Command(path, args...)
	if w.launch.descriptors > 0 {
		limit := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, w.launch.descriptors)
		cmd = exec.Command("/bin/sh", append([]string{"-c", limit, path}, args...)...)
	}
	cmd.Env = w.environment()
	return cmd
}

// environment returns the daemon's whole environment: that of the machine must not affect the tests.
func (w *World) environment() []string {
	env := map[string]string{
		"PATH":          os.Getenv("PATH"),
		"HOME":          w.dir,
		"TMPDIR":        w.dir,
		"SSL_CERT_FILE": filepath.Join(w.dir, "ca.pem"),
		"SSL_CERT_DIR":  filepath.Join(w.dir, "no-certificates"),
		"GORACE":        "atexit_sleep_ms=0",
	}
	if w.suite.CoverDir != "" {
		env["GOCOVERDIR"] = w.suite.CoverDir
	}
	if !w.launch.noNotify {
		env["NOTIFY_SOCKET"] = w.notify.path
	}
	maps.Copy(env, w.launch.env)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// runCommand runs the binary to its end with those arguments.
func (w *World) runCommand(args []string) error {
	cmd := w.binary(args)
	if call, path := w.launch.killedAt[0], w.launch.killedAt[1]; call != "" {
		var err error
		// With --seccomp-bpf strace would miss some of the calls that -P selects.
		if cmd, err = traced(cmd, "-P", path, "-e", "trace="+call, "-e", "inject="+call+":signal=SIGKILL"); err != nil {
			return err
		}
		w.launch.killedAt = [2]string{}
	}
	if w.names != nil {
		cmd = w.names.withNames(cmd)
	}
	p, err := w.start("reverse-proxy", cmd)
	if err != nil {
		return err
	}
	w.command = p
	_, err = p.wait(patience)
	return err
}

// endpoint is an address on which the configuration makes the daemon listen, and the key that names it.
type endpoint struct{ key, address string }

// endpoints lists the TCP addresses of the configuration.
func (w *World) endpoints() []endpoint {
	var list []endpoint
	port := func(key, addr string, value any) {
		if text := fmt.Sprint(value); value != nil && text != "0" {
			list = append(list, endpoint{key, net.JoinHostPort(addr, text)})
		}
	}
	port("health_check_port", "127.0.0.1", w.config.root["health_check_port"])
	for i, listener := range tables(w.config.root, "listeners") {
		key := fmt.Sprintf("listeners[%d].", i)
		for _, addr := range bindAddrs(listener) {
			port(key+"http_port", addr, listener["http_port"])
			port(key+"https_port", addr, listener["https_port"])
		}
	}
	return list
}

// nothingLeft returns an error if the daemon has left anything behind: ports, its socket file, child processes.
func (w *World) nothingLeft() error {
	if w.daemon.running() {
		return errors.New("the daemon still runs")
	}
	var left []error
	for _, at := range w.endpoints() {
		if _, ours := w.occupied[at.address]; !ours && !free(at.address) {
			left = append(left, fmt.Errorf("%s: %s is still taken", at.key, at.address))
		}
	}
	if info, err := os.Lstat(w.adminSocket()); err == nil && info.Mode()&os.ModeSocket != 0 {
		left = append(left, fmt.Errorf("the admin socket %s is still there", w.adminSocket()))
	}
	members, err := processesWith(groupField, w.daemon.cmd.Process.Pid)
	if len(members) > 0 {
		left = append(left, fmt.Errorf("processes %v of the daemon's group are still there", members))
	}
	left = append(left, err)
	return errors.Join(left...)
}
