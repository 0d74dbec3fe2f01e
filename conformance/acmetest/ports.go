package acmetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// firstPort and portCount are the ports that a Pebble may get. They are below the range of ephemeral ports, 32768 and up,
// so that no other connection takes one that is free for a moment.
const firstPort, portCount = 28000, 4000

// ports are TCP and UDP ports of 127.0.0.1 that are reserved for one Pebble, even while nothing listens on them. The
// reservation is a UDP socket with the same number on another address. It blocks only those that reserve ports in the
// same way, or bind the port on all addresses, as package steps does.
type ports struct {
	numbers []int
	locks   []net.PacketConn
}

// reservePorts reserves n ports on which nothing listens now.
func reservePorts(n int) (*ports, error) {
	p := new(ports)
	for range 10_000 {
		if len(p.numbers) == n {
			return p, nil
		}
		port := firstPort + rand.IntN(portCount)
		lock, err := net.ListenPacket("udp4", net.JoinHostPort("127.0.0.2", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if !free(port) {
			_ = lock.Close()
			continue
		}
		p.numbers, p.locks = append(p.numbers, port), append(p.locks, lock)
	}
	return nil, errors.Join(fmt.Errorf("no %d free ports found from %d on", n, firstPort), p.close())
}

// close releases the ports.
func (p *ports) close() error {
	var errs []error
	for _, lock := range p.locks {
		errs = append(errs, lock.Close())
	}
	p.locks = nil
	return errors.Join(errs...)
}

// free reports whether nothing listens on the port of 127.0.0.1.
func free(port int) bool {
	// A process that is being started holds copies of all descriptors until it executes its program, and so may keep
	// this port open after it was closed here. No process is started while the lock is held.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	stream, err := net.Listen("tcp4", address)
	if err != nil {
		return false
	}
	_ = stream.Close()
	packets, err := net.ListenPacket("udp4", address)
	if err != nil {
		return false
	}
	_ = packets.Close()
	return true
}
