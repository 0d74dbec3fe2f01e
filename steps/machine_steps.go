package steps

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"
)

// firstMachine is the number of the address of the first machine. Lower numbers belong to listeners.
const firstMachine = 5

// machine is a second daemon of the scenario. Its configuration differs only in what belongs to one machine.
type machine struct {
	name    string
	address string
	process *process
}

// machineSteps are the steps about daemons that share a cache or a store.
func (w *World) machineSteps() []step {
	return []step{
		{`the machine {string} is started`, w.startMachine, "A daemon of its own with the scenario's configuration: its first listener has an address of its own and the same ports, and the cache directory is `cache-NAME`. Waits for nothing. Up to five in a scenario; one that has ended can be started again."},
		{`the machine {string} is started with the cache of listener 1`, w.startMachineWithCache, "The same, with the cache directory of the scenario's configuration."},
		{`the machine {string} serves`, w.machineServes, "Waits for it."},
		{`the machine {string} serves within {int} seconds`, w.machineServesWithin, ""},
		{`the machine {string} logs {string}`, w.machineLogs, "A line with each of the texts, which are separated by spaces. Waits for it."},
		{`the machine {string} has logged no {string}`, w.machineLogsNot, ""},
		{`the machine {string} is sent {word}`, w.signalMachine, ""},
		{`the machine {string} is killed`, w.killMachine, "By SIGKILL, and waits for its end."},
		{`the machine {string} exits with {int} within {int} seconds`, w.machineExits, ""},
		{`the machine {string} prints {string} for {string}`, w.machinePrints, "A part of what the command of the binary prints, such as `status --text`, with the machine's configuration. Waits for it."},
		{`the machines {string} serve the same certificate for {string} within {int} seconds`, w.machinesAgree, "Their names are separated by commas. It differs from that of the last handshake, if there was one."},
		{`a balancer distributes connections over the machines {string}`, w.balance, "In turn, at the address and the ports of listener 1, where the ACME server and clients find it. A machine that refuses is skipped."},
		{`the proxy is stopped while it orders {string}`, w.stopWhileOrdering, "By SIGSTOP, as soon as the cache has the lock of the name."},
	}
}

// machine returns a machine that was started.
func (w *World) machine(name string) (*machine, error) {
	if m := w.machines[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("the machine %q was not started", name)
}

func (w *World) startMachine(name string) error {
	return w.launchMachine(name, filepath.Join(w.dir, "cache-"+name))
}

func (w *World) startMachineWithCache(name string) error { return w.launchMachine(name, "") }

// launchMachine starts a machine. If cache is "", it uses the cache of the scenario's configuration.
func (w *World) launchMachine(name, cache string) error {
	if w.machines == nil {
		w.machines = map[string]*machine{}
	}
	m := w.machines[name]
	if m == nil {
		m = &machine{name: name, address: w.addresses.address(firstMachine + len(w.machines))}
		w.machines[name] = m
	} else if m.process.running() {
		return fmt.Errorf("the machine %q still runs", name)
	}
	if err := w.writeMachineConfig(m, cache); err != nil {
		return err
	}
	if err := w.nameACMEDomains(); err != nil {
		return err
	}
	cmd := exec.Command(w.suite.Binary, "--config", w.machineConfig(name))
	for _, entry := range w.environment() {
		if !strings.HasPrefix(entry, "NOTIFY_SOCKET=") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	p, err := w.start("machine "+name, cmd)
	if err != nil {
		return err
	}
	p.daemon, m.process = true, p
	return nil
}

func (w *World) machineConfig(name string) string { return filepath.Join(w.dir, name+".toml") }

// writeMachineConfig writes the scenario's configuration with what differs on the machine.
func (w *World) writeMachineConfig(m *machine, cache string) error {
	text, err := w.config.text()
	if err != nil {
		return err
	}
	own := &config{}
	if _, err := toml.Decode(text, &own.root); err != nil {
		return err
	}
	health, err := w.addresses.sharedPort("health of " + m.name)
	if err != nil {
		return err
	}
	changes := map[string]any{
		"listeners[0].bind_addr": m.address, "health_check_port": health, "admin_socket_path": filepath.Join(w.dir, m.name+".sock"),
	}
	if cache != "" {
		changes["listeners[0].tls.acme_cache_dir"] = cache
	}
	for path, value := range changes {
		if err := own.set(path, value); err != nil {
			return err
		}
	}
	if text, err = own.text(); err != nil {
		return err
	}
	return os.WriteFile(w.machineConfig(m.name), []byte(text), 0o600)
}

func (w *World) machineServes(name string) error {
	return w.machineLogs(name, "STARTUP step=10")
}

func (w *World) machineServesWithin(name string, seconds int) error {
	return w.machineLogsWithin(name, "STARTUP step=10", time.Duration(seconds)*time.Second)
}

func (w *World) machineLogs(name, texts string) error {
	return w.machineLogsWithin(name, texts, patience)
}

func (w *World) machineLogsWithin(name, texts string, limit time.Duration) error {
	m, err := w.machine(name)
	if err != nil {
		return err
	}
	return w.within(limit, func() error {
		for _, line := range m.process.stdout.lines() {
			if hasAll(line, strings.Fields(texts)) {
				return nil
			}
		}
		if !m.process.running() {
			return fmt.Errorf("the machine %s has ended: %s", name, clip(m.process.stderr.text()))
		}
		return fmt.Errorf("the machine %s has logged no line with %q", name, texts)
	})
}

func hasAll(line string, texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(line, text) {
			return false
		}
	}
	return true
}

func (w *World) machineLogsNot(name, text string) error {
	m, err := w.machine(name)
	if err != nil {
		return err
	}
	for _, line := range m.process.stdout.lines() {
		if strings.Contains(line, text) {
			return fmt.Errorf("the machine %s has logged %q", name, clip(line))
		}
	}
	return nil
}

func (w *World) signalMachine(name, signal string) error {
	m, err := w.machine(name)
	if err != nil {
		return err
	}
	sig, err := signalByName(signal)
	if err != nil {
		return err
	}
	return m.process.signal(sig)
}

func (w *World) killMachine(name string) error {
	if err := w.signalMachine(name, "SIGKILL"); err != nil {
		return err
	}
	if code, err := w.machines[name].process.wait(patience); err == nil {
		return fmt.Errorf("the machine %s ended with %d, want it killed", name, code)
	}
	return nil
}

func (w *World) machineExits(name string, want, seconds int) error {
	m, err := w.machine(name)
	if err != nil {
		return err
	}
	got, err := m.process.wait(time.Duration(seconds) * time.Second)
	if err == nil && got != want {
		err = fmt.Errorf("got the exit code %d, want %d", got, want)
	}
	return err
}

func (w *World) machinePrints(name, want, command string) error {
	return w.eventually(func() error {
		cmd := w.binary(append(strings.Fields(command), "--config", w.machineConfig(name)))
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(strings.Join(strings.Fields(string(out)), " "), want) {
			return fmt.Errorf("got %q of the machine %s, want %q in it", clip(string(out)), name, want)
		}
		return nil
	})
}

// machineAddress returns the HTTPS address of a machine.
func (w *World) machineAddress(name string) (string, error) {
	m, err := w.machine(name)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(m.address, fmt.Sprint(tables(w.config.root, "listeners")[0]["https_port"])), nil
}

func (w *World) machinesAgree(list, host string, seconds int) error {
	before := ""
	if w.handshake != nil && w.handshake.state != nil {
		before = string(w.handshake.state.PeerCertificates[0].Raw)
	}
	return w.within(time.Duration(seconds)*time.Second, func() error {
		first := ""
		for _, name := range names(list) {
			address, err := w.machineAddress(name)
			if err != nil {
				return err
			}
			leaf, err := w.leafAt(address, host)
			if err != nil {
				return fmt.Errorf("the machine %s: %w", name, err)
			}
			switch {
			case leaf == before:
				return fmt.Errorf("the machine %s still serves the certificate of before", name)
			case first != "" && leaf != first:
				return fmt.Errorf("the machine %s serves another certificate than the first one", name)
			}
			first = leaf
		}
		return nil
	})
}

// leafAt returns the certificate that an address serves for a name.
func (w *World) leafAt(address, host string) (string, error) {
	before := w.handshake
	defer func() { w.handshake = before }()
	if err := w.handshakeWith(map[string]string{"name": host, "address": address}); err != nil {
		return "", err
	}
	if w.handshake.err != nil {
		return "", w.handshake.err
	}
	return string(w.handshake.state.PeerCertificates[0].Raw), nil
}

func (w *World) stopWhileOrdering(name string) error {
	lock := filepath.Join(w.cacheDir(1), "acme_lock+"+name)
	err := w.withinEvery(patience, time.Millisecond, func() error {
		pid, err := os.ReadFile(lock)
		if err == nil && len(pid) == 0 {
			err = fmt.Errorf("%s has no process yet, and so is not locked yet", lock)
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.daemon.signal(syscall.SIGSTOP)
}

// balance leads connections to the machines in turn.
func (w *World) balance(list string) error {
	listener := tables(w.config.root, "listeners")[0]
	address := bindAddrs(listener)[0]
	for _, key := range []string{"https_port", "http_port"} {
		port := fmt.Sprint(listener[key])
		front, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			return err
		}
		var conns sync.WaitGroup
		w.cleanup(func() error { err := front.Close(); conns.Wait(); return err })
		var turn atomic.Uint32
		go func() {
			for {
				conn, err := front.Accept()
				if err != nil {
					return
				}
				conns.Go(func() { w.pass(conn, names(list), port, int(turn.Add(1))) })
			}
		}()
	}
	return nil
}

// pass leads a connection to the first machine, counted from turn, that accepts it.
func (w *World) pass(client net.Conn, list []string, port string, turn int) {
	defer client.Close()
	for i := range list {
		m := w.machines[list[(turn+i)%len(list)]]
		if m == nil {
			continue
		}
		server, err := net.DialTimeout("tcp", net.JoinHostPort(m.address, port), time.Second)
		if err != nil {
			continue
		}
		defer server.Close()
		stop := func() { client.Close(); server.Close() }
		go func() { <-w.ctx.Done(); stop() }()
		var both sync.WaitGroup
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			both.Go(func() {
				if _, err := io.Copy(way[1], way[0]); err != nil && !errors.Is(err, net.ErrClosed) {
					stop()
					return
				}
				if half, ok := way[1].(*net.TCPConn); ok {
					half.CloseWrite()
				}
			})
		}
		both.Wait()
		return
	}
}
