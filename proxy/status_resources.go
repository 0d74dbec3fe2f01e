package proxy

import (
	"os"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"syscall"

	"reverse-proxy/proxy/admin"
)

// descriptorUsage counts the process's open descriptors and reads their limit.
func descriptorUsage() admin.DescriptorStatus {
	return admin.DescriptorStatus{Used: usedDescriptors(), Allowed: allowedDescriptors()}
}

// usedDescriptors counts the process's open descriptors; 0 if the system does not report them.
func usedDescriptors() int {
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

// allowedDescriptors returns the soft limit of RLIMIT_NOFILE; 0 if the system does not report it.
func allowedDescriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<31-1))
}

// memoryUsage reads the memory usage without stopping any goroutine.
func memoryUsage() admin.MemoryStatus {
	samples := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	runtimemetrics.Read(samples)
	usage := admin.MemoryStatus{HeapBytes: int64(samples[0].Value.Uint64()), Goroutines: int(samples[1].Value.Uint64())}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		usage.ResidentBytes = residentBytes(string(statm))
	}
	return usage
}

// residentBytes returns the second number of /proc/self/statm, which counts pages (proc(5)), in bytes; 0 if there is
// none.
func residentBytes(statm string) int64 {
	fields := strings.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
