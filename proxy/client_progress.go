package proxy

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// progressed reports whether the client's side has taken some of the written data since the previous sweep. All callers within
// one sweep get the same answer. What the kernel has queued meanwhile does not count.
func (c *clientConn) progressed() bool {
	if now := c.server.registry.sweeper.Clock.Load(); now != c.looked {
		first := c.looked == 0
		c.looked = now
		if taken, ok := takenBytes(c.fd); ok && taken != c.taken {
			c.taken = taken
			if !first { // the first look has nothing to compare with
				c.moved = now
			}
		}
	}
	return c.moved == c.looked
}

// takenBytes returns how many of the bytes written to a TCP connection the peer has acknowledged. Unlike
// unix.GetsockoptTCPInfo it allocates nothing: the sweeper calls it ten times a second.
func takenBytes(fd int) (uint64, bool) {
	var info unix.TCPInfo
	size := uint32(unix.SizeofTCPInfo)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info.Bytes_acked, errno == 0
}
