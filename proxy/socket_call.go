//go:build !race

package proxy

import (
	"syscall"
	"unsafe"
)

// readSocket is recv(2) without telling the scheduler. The socket must be non-blocking and p not empty. Unlike read(2) it does
// not pass through the kernel's layer for files.
func readSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	return int(r), errno
}

// writeSocket is send(2) in the same way. A broken connection raises no SIGPIPE.
func writeSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(r), errno
}
