package steps

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
)

func (w *World) shutdownSteps() []step {
	return []step{
		{`the proxy is sent {word} {int} times`, w.signalTimes, "One after the other, without waiting for anything."},
		{`the proxy is restarted {int} times by SIGTERM, while it is sent {word} without pause`, w.restartAmid,
			"Each time it must exit with 0; the signals begin before SIGTERM and end with the process."},
		{`the proxy has accepted {int} connection(s) on {string}`, w.acceptedConnections, "An IPv4 address and port: those that are open, and not in the kernel's backlog. Waits for it."},
		{`the service manager is told a status with {string}`, w.toldStatus, "Part of a STATUS= line. Waits for it."},
		{`clients that stop when connections are refused put load on {string}`, w.startLoadUntilRefused,
			"Four clients, over HTTP/1.1 and HTTP/2, each request after the other."},
		{`every request that was sent was answered`, w.endLoadUntilRefused,
			"All with 200, until connecting was refused; waits until each client has got there."},
	}
}

func (w *World) signalTimes(name string, times int) error {
	sig, err := signalByName(name)
	if err != nil {
		return err
	}
	for range times {
		if err := w.daemon.signal(sig); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) restartAmid(times int, name string) error {
	sig, err := signalByName(name)
	if err != nil {
		return err
	}
	for i := range times {
		switch code, err := w.stopAmid(sig); {
		case err != nil:
			return fmt.Errorf("stop %d: %w", i+1, err)
		case code != 0:
			return fmt.Errorf("stop %d: got the exit code %d, want 0", i+1, code)
		}
		if err := w.restart(); err != nil {
			return err
		}
	}
	return nil
}

// stopAmid stops the daemon by SIGTERM, while it is sent sig without pause, and returns its exit code.
func (w *World) stopAmid(sig os.Signal) (code int, err error) {
	begun, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		begin := sync.OnceFunc(func() { close(begun) })
		defer begin()
		for w.daemon.running() && w.daemon.signal(sig) == nil {
			begin()
		}
	}()
	<-begun
	if err := w.daemon.signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	code, err = w.daemon.wait(patience)
	if err != nil {
		_ = w.daemon.abort() // so that the signals end
	}
	<-ended
	return code, err
}

// acceptedConnections checks the kernel's table of sockets, in which a connection has no inode before it is accepted.
func (w *World) acceptedConnections(want int, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Is4() {
		return fmt.Errorf("%q is not an IPv4 address and port", address)
	}
	ip := at.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port())
	const established, localField, stateField, inodeField = "01", 1, 3, 9
	return w.eventually(func() error {
		table, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			return err
		}
		got := 0
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) > inodeField && fields[localField] == local && fields[stateField] == established && fields[inodeField] != "0" {
				got++
			}
		}
		if got != want {
			return fmt.Errorf("got %d connections accepted on %s, want %d", got, address, want)
		}
		return nil
	})
}

func (w *World) toldStatus(part string) error {
	return w.eventually(func() error {
		for _, message := range w.notify.messages() {
			for line := range strings.Lines(message) {
				if status, ok := strings.CutPrefix(line, "STATUS="); ok && strings.Contains(status, part) {
					return nil
				}
			}
		}
		return fmt.Errorf("got %q, want a STATUS with %q", w.notify.messages(), part)
	})
}

// startLoadUntilRefused starts a load whose clients end when the daemon has closed its port.
func (w *World) startLoadUntilRefused(url string) error { return w.startLoad(url, true) }

func (w *World) endLoadUntilRefused() error { return w.load.await() }
