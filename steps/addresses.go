package steps

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// The suite runs scenarios concurrently, and several suites may run on one machine, so no two scenarios may use the
// same address and port. A scenario therefore owns a /24 of 127.0.0.0/8, held by a UDP socket on its first address, and
// single ports for what must be on 127.0.0.1 or on a wildcard, held by UDP sockets with the same number. A UDP socket
// does not prevent listening for TCP, so the daemon can take the port while it is reserved.

const (
	// lockPort is the UDP port that holds a scenario's block of addresses.
	lockPort = 19999
	// The ports below are all under the range of ephemeral ports, 32768 and up.
	firstBlockPort, blockPorts   = 20000, 8000 // ports on a scenario's own addresses
	firstSharedPort, sharedPorts = 28000, 4000 // ports on 127.0.0.1, [::1] and the wildcards
)

// addresses are the addresses and ports on which one scenario may listen.
type addresses struct {
	mu     sync.Mutex
	prefix string // "127.17.4."
	locks  []net.PacketConn
	ports  map[string]int // by the name that the feature uses
	used   map[int]bool
}

// newAddresses reserves a block.
func newAddresses() (*addresses, error) {
	for range 1000 {
		prefix := fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256))
		lock, err := net.ListenPacket("udp4", prefix+"1:"+strconv.Itoa(lockPort))
		if err == nil {
			return &addresses{prefix: prefix, locks: []net.PacketConn{lock}, ports: map[string]int{}, used: map[int]bool{}}, nil
		}
	}
	return nil, fmt.Errorf("no free block of loopback addresses found")
}

// address returns the n-th address of the block; 1 to 9 are listeners, 10 to 99 upstreams, 100 and up clients.
func (a *addresses) address(n int) string { return a.prefix + strconv.Itoa(n) }

// port returns the port with that name on an address of the block; the first call chooses a free one.
func (a *addresses) port(name, address string) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if port, ok := a.ports[name]; ok {
		return port, nil
	}
	for range 1000 {
		port := firstBlockPort + rand.IntN(blockPorts)
		if a.used[port] || !free(net.JoinHostPort(address, strconv.Itoa(port))) {
			continue
		}
		a.ports[name], a.used[port] = port, true
		return port, nil
	}
	return 0, fmt.Errorf("no free port found on %s", address)
}

// sharedPort is port for an address that other scenarios also use: 127.0.0.1, ::1 or a wildcard.
func (a *addresses) sharedPort(name string) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if port, ok := a.ports[name]; ok {
		return port, nil
	}
	for range 1000 {
		port := firstSharedPort + rand.IntN(sharedPorts)
		lock, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if !free(":" + strconv.Itoa(port)) {
			_ = lock.Close()
			continue
		}
		a.locks = append(a.locks, lock)
		a.ports[name] = port
		return port, nil
	}
	return 0, fmt.Errorf("no free port found for %s", name)
}

// SharedPort reserves a port of 127.0.0.1, ::1 and the wildcards as a scenario does, for tests that run next to the
// scenarios. The caller returns it by release.
func SharedPort() (port int, release func(), err error) {
	a, err := newAddresses()
	if err != nil {
		return 0, nil, err
	}
	if port, err = a.sharedPort("shared"); err != nil {
		a.close()
		return 0, nil, err
	}
	return port, a.close, nil
}

// close releases everything.
func (a *addresses) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, lock := range a.locks {
		_ = lock.Close()
	}
	a.locks = nil
}

// free reports whether nothing listens for TCP on the address. SO_REUSEADDR, which package net sets, accepts ports that
// are only waiting for the end of old connections, as it does for the daemon.
func free(address string) bool {
	// A process that is being started holds copies of all descriptors until it executes its program, and so may keep
	// this port open after it was closed here. No process is started while the lock is held.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}
