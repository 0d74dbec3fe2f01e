package soak

import (
	"net"
	"syscall"
	"time"
)

// holePatience is how long a connection to a black hole is waited for before its queue counts as full.
const holePatience = 300 * time.Millisecond

// swallow makes an address a black hole: a listening socket whose queue is full, so that the kernel drops the first packet of
// each further connection. The returned function ends it.
func swallow(w Wire, addr string) (end func(), err error) {
	socket, err := boundSocket(w, addr)
	if err != nil {
		return nil, err
	}
	network, _ := w.network("", 0)
	filling := make([]net.Conn, 0, 4)
	end = func() {
		_ = syscall.Close(socket)
		for _, conn := range filling {
			_ = conn.Close()
		}
	}
	if err := syscall.Listen(socket, 0); err != nil {
		end()
		return nil, err
	}
	for range cap(filling) {
		conn, err := net.DialTimeout(network, addr, holePatience)
		if err != nil {
			break // the queue is full
		}
		filling = append(filling, conn)
	}
	return end, nil
}

// boundSocket returns a socket that is bound to the address.
func boundSocket(w Wire, addr string) (socket int, err error) {
	family, at := syscall.AF_UNIX, syscall.Sockaddr(&syscall.SockaddrUnix{Name: addr})
	if !w.Unix {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			return 0, err
		}
		family, at = syscall.AF_INET, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	}
	socket, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(socket, at)
	}
	if err != nil {
		_ = syscall.Close(socket)
	}
	return socket, err
}
