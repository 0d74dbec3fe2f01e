//go:build !race

package proxy

import (
	"syscall"
	"unsafe"
)

// readSocket is read(2) without a word to the scheduler. The socket must not block, and p not be empty.
func readSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(r), errno
}

// writeSocket is write(2) likewise.
func writeSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(r), errno
}
