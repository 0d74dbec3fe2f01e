//go:build !race

package proxy

import (
	"syscall"
	"unsafe"
)

// readSocket is read(2) without telling the scheduler. The socket must be non-blocking and p not empty.
func readSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(r), errno
}

// writeSocket is write(2) in the same way.
func writeSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(r), errno
}
