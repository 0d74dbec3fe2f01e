package steps

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"reverse-proxy/conformance/netns"
)

func (w *World) networkSteps() []step {
	return []step{
		{`a separate network with the addresses {string}`, w.ownNetwork, "IPv6 addresses separated by commas, in addition to 127.0.0.0/8 and ::1. The daemon is in it, with the connections of clients (requests, raw connections and handshakes) and the upstreams that are made from then on. For scenarios with the tag @network only."},
		{`a separate network whose sockets buffer at most {int} KiB`, w.ownSmallNetwork, "The same without an address, for TCP and in each direction. Hundreds of fast connections would otherwise use up what the machine has for all sockets."},
		{`the client {string} has the address {string}`, w.setClientAddress, "Instead of the one that it would get otherwise."},
	}
}

// CanMakeNetworks reports whether this user may make a network namespace, which scenarios tagged @network need.
func (s *Suite) CanMakeNetworks() bool {
	if os.Geteuid() != 0 {
		return false
	}
	network, err := netns.New()
	return err == nil && network.Close() == nil
}

func (w *World) ownNetwork(list string) error {
	var addresses []netip.Addr
	for _, name := range names(list) {
		address, err := netip.ParseAddr(name)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	return w.enterNetwork(addresses...)
}

// enterNetwork makes a network, in which the scenario is from then on.
func (w *World) enterNetwork(addresses ...netip.Addr) error {
	if w.daemon != nil {
		return errors.New("the network has to be made before the daemon is started")
	}
	network, err := netns.New(addresses...)
	if err != nil {
		return err
	}
	w.network = network
	w.cleanup(network.Close)
	return nil
}

func (w *World) ownSmallNetwork(kib int) error {
	if err := w.enterNetwork(); err != nil {
		return err
	}
	bounds := fmt.Appendf(nil, "4096 16384 %d", kib<<10) // the least, the first and the largest size
	return w.inNetwork(func() error {
		return errors.Join(os.WriteFile("/proc/sys/net/ipv4/tcp_rmem", bounds, 0), os.WriteFile("/proc/sys/net/ipv4/tcp_wmem", bounds, 0))
	})
}

func (w *World) setClientAddress(client, address string) error {
	if _, err := netip.ParseAddr(address); err != nil {
		return err
	}
	w.remembered["client:"+client] = address
	return nil
}

// inNetwork calls fn, which opens sockets or starts a process, in the scenario's network.
func (w *World) inNetwork(fn func() error) error {
	if w.network == nil {
		return fn()
	}
	return w.network.Do(fn)
}

// dial connects from the client's address, if that is of the same family.
func (w *World) dial(ctx context.Context, client, address string) (net.Conn, error) {
	conn, err := w.dialFrom(ctx, w.clientAddress(client), address)
	return sendPrelude(w.preludes[client], conn, err)
}

// dialFrom is dial from a given address, for other goroutines: only that of the steps may ask for a client's address.
func (w *World) dialFrom(ctx context.Context, client, address string) (conn net.Conn, err error) {
	to, from := net.ParseIP(hostOnly(address)), net.ParseIP(client)
	dialer := &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: from}}
	if to != nil && (to.To4() == nil) != (from.To4() == nil) {
		dialer.LocalAddr = nil
	}
	err = w.inNetwork(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp", address)
		return err
	})
	return conn, err
}
