package proxy

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clientProgress records how much of the written data a client has taken, as seen by sweeps. Only the sweeper uses it.
type clientProgress struct {
	// taken is how much the client had taken at the last look. looked is the time of the last sweep, and moved the time
	// when taken last changed.
	taken         uint64
	looked, moved int64
	// If the client had taken all written bytes at the last look, quiet is their number plus one. Otherwise it is 0.
	quiet uint64
}

// progressed reports whether the client has taken some of the written data since the previous sweep. All callers within
// one sweep get the same answer. Data that is only queued in the kernel does not count.
func (c *clientConn) progressed() bool {
	return c.progress.sweep(c.server.registry.sweeper.Clock.Load(), c.socket.written.Load(), c)
}

// allTaken reports whether the client's side had taken everything written so far when it was last looked at. If so, looking
// again shows nothing new until more is written.
func (c *clientConn) allTaken() bool { return c.progress.quiet == c.socket.written.Load()+1 }

// takenReader can tell how many of the bytes written to a connection the peer has acknowledged, and whether that is all
// of them. ok is false if it cannot find out.
type takenReader interface {
	takenBytes() (taken uint64, all, ok bool)
}

// sweep looks at the connection once in the sweep at time now. A client that has taken everything cannot take more
// until more is written, so a connection on which nothing moves costs no system call.
func (p *clientProgress) sweep(now int64, written uint64, from takenReader) bool {
	if now == p.looked {
		return p.moved == now
	}
	first := p.looked == 0
	p.looked = now
	if p.quiet == written+1 {
		return false
	}
	taken, all, ok := from.takenBytes()
	if p.quiet = 0; all {
		p.quiet = written + 1
	}
	if ok && taken != p.taken {
		p.taken = taken
		if !first { // the first look has no earlier one to compare with
			p.moved = now
		}
	}
	return p.moved == now
}

// takenBytes implements takenReader. Unlike unix.GetsockoptTCPInfo it allocates nothing: the sweeper calls it up to ten times
// a second.
func (c *clientConn) takenBytes() (taken uint64, all, ok bool) {
	var info unix.TCPInfo
	size := uint32(unix.SizeofTCPInfo)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(c.fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	ok = errno == 0
	return info.Bytes_acked, ok && info.Unacked == 0 && info.Notsent_bytes == 0, ok
}
