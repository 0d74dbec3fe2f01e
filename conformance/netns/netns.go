// Package netns makes networks for tests that need addresses or ports that this machine cannot spare: Linux network
// namespaces with only a loopback interface, so that no traffic reaches another test or the outside.
package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Network is a separate network. In it 127.0.0.0/8, ::1 and the addresses it was made with are local, and every port is
// free. It lasts until Close and until the last socket and process in it have ended.
type Network struct{ namespace *os.File }

// New makes a network with the IPv6 addresses. It needs root; otherwise the error says so.
func New(addresses ...netip.Addr) (*Network, error) {
	made := make(chan error, 1)
	n := new(Network)
	go func() {
		// The thread returns to its original namespace. If it ended instead, it would take along the processes it has
		// started that have a Pdeathsig.
		runtime.LockOSThread()
		made <- func() error {
			before, err := currentNamespace()
			if err != nil {
				return err
			}
			defer before.Close()
			failed := n.enterNew(addresses)
			if err := enter(before); err != nil {
				return errors.Join(failed, err)
			}
			runtime.UnlockOSThread()
			return failed
		}()
	}()
	if err := <-made; err != nil {
		_ = n.Close()
		return nil, fmt.Errorf("cannot make a network namespace: %w", err)
	}
	return n, nil
}

// enterNew moves the calling thread into a new namespace and sets that up.
func (n *Network) enterNew(addresses []netip.Addr) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	var err error
	if n.namespace, err = currentNamespace(); err != nil {
		return err
	}
	if err := raiseLoopback(); err != nil {
		return err
	}
	for _, address := range addresses {
		if err := addAddress(address); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
	return nil
}

// Do calls fn on a thread in the network: the sockets that fn opens, and the processes that it starts, are in the
// network for their whole life. fn must open and start them in its own goroutine.
func (n *Network) Do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			before, err := currentNamespace()
			if err != nil {
				return err
			}
			defer before.Close()
			if err := enter(n.namespace); err != nil {
				return err
			}
			failed := fn()
			// A thread that does not return ends with this goroutine, and takes along the processes it has started that
			// have a Pdeathsig.
			if err := enter(before); err != nil {
				return errors.Join(failed, err)
			}
			runtime.UnlockOSThread()
			return failed
		}()
	}()
	return <-done
}

// Close releases the network.
func (n *Network) Close() error {
	if n.namespace == nil {
		return nil
	}
	return n.namespace.Close()
}

// currentNamespace opens the network namespace of the calling thread.
func currentNamespace() (*os.File, error) { return os.Open("/proc/thread-self/ns/net") }

func enter(namespace *os.File) error {
	return os.NewSyscallError("setns", unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET))
}

// raiseLoopback brings the loopback interface up, which gives it 127.0.0.1/8 and ::1.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("SIOCSIFFLAGS", unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request))
}

// inet6Request is struct in6_ifreq of Linux.
type inet6Request struct {
	address [16]byte
	prefix  uint32
	index   int32
}

// addAddress adds an IPv6 address to the loopback interface.
func addAddress(address netip.Addr) error {
	if !address.Is6() || address.Is4In6() {
		return errors.New("is no IPv6 address")
	}
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(socket)
	request := inet6Request{address: address.As16(), prefix: 128, index: int32(loopback.Index)}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return os.NewSyscallError("SIOCSIFADDR", errno)
	}
	return awaitUsable(address)
}

// awaitUsable waits until the address can be bound: the kernel sets it up in the background.
func awaitUsable(address netip.Addr) error {
	const limit = 10 * time.Second
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Millisecond) {
		conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: address.AsSlice()})
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("cannot be used after %v: %w", limit, err)
		}
	}
}
