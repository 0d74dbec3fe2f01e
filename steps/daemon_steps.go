package steps

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

func (w *World) daemonSteps() []step {
	return []step{
		{`the proxy is running`, w.run, "Writes the configuration, starts the daemon and waits for READY=1."},
		{`the proxy is started`, w.startDaemon, "Writes the configuration, starts the daemon and waits for nothing."},
		{`the proxy is ready`, w.awaitReady, "Waits for READY=1."},
		{`the proxy is started again`, w.restart, "Stops a running one first; waits for READY=1 of the new one only by its log."},
		{`the proxy will be started with {string}`, w.withFlags, "Further command-line arguments, separated by spaces."},
		{`the proxy will be started with the environment variable {string} set to {string}`, w.withEnv, ""},
		{`the proxy will be started without a service manager`, w.withoutNotify, "NOTIFY_SOCKET is not set."},
		{`the proxy will be started with at most {int} open files`, w.withDescriptors, "The soft and the hard limit."},
		{`the proxy will be started with {int} inherited files`, w.withInherited, "Open descriptors that it gets from its parent."},
		{`the proxy will be started from a release build`, w.asReleased, "Built without the race detector and coverage counters, which multiply the memory that it needs."},
		{`the proxy is sent {word}`, w.sendSignal, "`SIGTERM`, `SIGINT`, `SIGHUP`, `SIGUSR1`, `SIGUSR2`, `SIGKILL`, `SIGSTOP`, `SIGCONT`."},
		{`the proxy is killed`, w.kill, "By SIGKILL, and waits for its end."},
		{`the proxy exits with {int}`, w.exits, "Waits for it."},
		{`the proxy exits with {int} within {int} seconds`, w.exitsWithin, ""},
		{`the proxy is still running`, w.stillRuns, ""},
		{`the proxy has used at most {int} MiB of memory`, w.memoryAtMost, "The peak of its resident memory since its start."},
		{`nothing of the proxy is left`, w.nothingLeft, "No port, no admin socket, no process of its group."},
		{`its standard error is one line with {string}`, w.errorLine, "Exactly one line, which contains the text."},
		{`its standard error has a line with {string}`, w.errorHas, ""},
		{`its standard error has {int} line(s)`, w.errorCount, ""},
		{`its standard error is empty`, w.errorEmpty, ""},
		{`{string} refuses connections`, w.refuses, "An address and port. Waits for it."},
		{`{string} accepts connections`, w.accepts, "An address and port. Waits for it."},
		{`no port of the proxy answers until it exits`, w.neverAnswers, "Polls every port, with an HTTP request or a ClientHello, from the start to the exit of the daemon."},
		{`every port of the proxy is polled from the start`, w.askWhenReady, "Comes before the start: sets up what the next sentence checks."},
		{`every port has answered at READY=1`, w.answeredWhenReady, ""},
	}
}

func (w *World) run() error {
	if err := w.startDaemon(); err != nil {
		return err
	}
	return w.awaitReady()
}

func (w *World) restart() error {
	if w.daemon != nil && w.daemon.running() {
		if err := w.daemon.signal(syscall.SIGTERM); err != nil {
			return err
		}
		if _, err := w.daemon.wait(patience); err != nil {
			return err
		}
	}
	for _, t := range w.transports {
		t.CloseIdleConnections()
	}
	if err := w.startDaemon(); err != nil {
		return err
	}
	return w.eventually(func() error {
		if !w.daemon.running() {
			return nil // the next step sees it
		}
		_, err := w.findLine("STARTUP", map[string]string{"step": "10"}, 0)
		return err
	})
}

func (w *World) withFlags(flags string) error {
	w.launch.flags = append(w.launch.flags, strings.Fields(flags)...)
	return nil
}

func (w *World) withEnv(name, value string) error {
	w.launch.env[name] = value
	return nil
}

func (w *World) withoutNotify() error {
	w.launch.noNotify = true
	return nil
}

func (w *World) withDescriptors(limit int) error {
	w.launch.descriptors = limit
	return nil
}

func (w *World) withInherited(files int) error {
	w.launch.inherited = files
	return nil
}

// signalByName returns the signal of that name.
func signalByName(name string) (syscall.Signal, error) {
	for _, sig := range []struct {
		name string
		sig  syscall.Signal
	}{
		{"SIGTERM", syscall.SIGTERM}, {"SIGINT", syscall.SIGINT}, {"SIGHUP", syscall.SIGHUP},
		{"SIGUSR1", syscall.SIGUSR1}, {"SIGUSR2", syscall.SIGUSR2}, {"SIGKILL", syscall.SIGKILL},
		{"SIGSTOP", syscall.SIGSTOP}, {"SIGCONT", syscall.SIGCONT},
	} {
		if sig.name == name {
			return sig.sig, nil
		}
	}
	return 0, fmt.Errorf("%q is not a signal that the suite knows", name)
}

func (w *World) sendSignal(name string) error {
	sig, err := signalByName(name)
	if err != nil {
		return err
	}
	if w.daemon == nil {
		return errors.New("the daemon was not started")
	}
	w.markLog()
	return w.daemon.signal(sig)
}

func (w *World) kill() error {
	if err := w.sendSignal("SIGKILL"); err != nil {
		return err
	}
	if code, err := w.daemon.wait(patience); err == nil {
		return fmt.Errorf("the daemon ended with %d, want it killed", code)
	}
	return nil
}

// markLog makes only lines that are logged from now on count as new.
func (w *World) markLog() { w.logMark = len(w.daemon.stdout.lines()) }

func (w *World) exits(want int) error {
	got, err := w.daemon.wait(patience)
	if err == nil && got != want {
		err = fmt.Errorf("got the exit code %d, want %d; standard error: %s", got, want, clip(w.daemon.stderr.text()))
	}
	return err
}

func (w *World) exitsWithin(want, seconds int) error {
	got, err := w.daemon.wait(time.Duration(seconds) * time.Second)
	if err == nil && got != want {
		err = fmt.Errorf("got the exit code %d, want %d", got, want)
	}
	return err
}

func (w *World) stillRuns() error {
	if !w.daemon.running() {
		return fmt.Errorf("the daemon has ended: %v: %s", w.daemon.cmd.ProcessState, clip(w.daemon.stderr.text()))
	}
	return nil
}

func (w *World) asReleased() error { w.launch.released = true; return nil }

func (w *World) memoryAtMost(want int) error {
	kib, err := w.residentMemory("VmHWM")
	if err != nil {
		return err
	}
	if kib > want<<10 {
		return fmt.Errorf("got a peak of %d KiB, want at most %d MiB", kib, want)
	}
	return nil
}

func (w *World) errorLine(want string) error {
	lines := w.daemon.stderr.lines()
	if len(lines) != 1 || !containsError(lines[0], want) {
		return fmt.Errorf("got %q, want exactly one line with %q", lines, want)
	}
	return nil
}

func (w *World) errorHas(want string) error {
	for _, line := range w.daemon.stderr.lines() {
		if containsError(line, want) {
			return nil
		}
	}
	return fmt.Errorf("got %q, want a line with %q", w.daemon.stderr.lines(), want)
}

func (w *World) errorCount(want int) error {
	if lines := w.daemon.stderr.lines(); len(lines) != want {
		return fmt.Errorf("got %d lines, want %d: %q", len(lines), want, lines)
	}
	return nil
}

func (w *World) errorEmpty() error {
	if text := w.daemon.stderr.text(); text != "" {
		return fmt.Errorf("got %q, want nothing", clip(text))
	}
	return nil
}

// connects tries one connection.
func connects(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (w *World) refuses(address string) error {
	return w.eventually(func() error {
		if err := connects(address); err == nil {
			return fmt.Errorf("%s accepts connections", address)
		} else if !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		return nil
	})
}

func (w *World) accepts(address string) error {
	return w.eventually(func() error { return connects(address) })
}
