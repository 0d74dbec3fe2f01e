package steps

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

func (w *World) shutdownSteps() []step {
	return []step{
		{`the proxy is sent {word} {int} times`, w.signalTimes, "One after the other, without waiting for anything."},
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
