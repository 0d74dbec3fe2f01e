//go:build race

package proxy

import "syscall"

// readSocket is read(2). The race detector has to see the call: what was written to a socket happens before it is read.
func readSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Read(int(fd), p)
	return n, errnoOf(err)
}

// writeSocket is write(2) likewise.
func writeSocket(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Write(int(fd), p)
	return n, errnoOf(err)
}

func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno)
	return errno
}
