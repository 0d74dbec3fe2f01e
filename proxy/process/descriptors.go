package process

import (
	"os"
	"syscall"
)

// OpenDescriptors counts the open descriptors; 0 if the system does not report them.
func OpenDescriptors() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	return len(names) - 1 // the directory being read is one of them
}

// DescriptorLimit returns the soft limit RLIMIT_NOFILE, which the Go runtime has by then raised to the hard one. ok is
// false if the system does not report it.
func DescriptorLimit() (limit uint64, ok bool) {
	var both syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &both); err != nil {
		return 0, false
	}
	return both.Cur, true
}
