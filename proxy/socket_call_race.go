//go:build race

package proxy

import "syscall"

// readSocket reads from a socket. The race detector must see the call, because a write to a socket happens before the read of
// its data.
func readSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Read(int(fd), p)
	return n, errnoOf(err)
}

// writeSocket writes in the same way.
func writeSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Write(int(fd), p)
	return n, errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno)
	return errno
}
