package proxy

import (
	"runtime"

	"reverse-proxy/proxy/admin"
	"reverse-proxy/proxy/process"
)

// descriptorUsage counts the process's open descriptors and reads their limit.
func descriptorUsage() admin.DescriptorStatus {
	usage := admin.DescriptorStatus{Used: process.OpenDescriptors()}
	if limit, ok := process.DescriptorLimit(); ok {
		usage.Allowed = int(min(limit, 1<<31-1))
	}
	return usage
}

// memoryUsage reads the memory usage without stopping any goroutine.
func memoryUsage() admin.MemoryStatus {
	heap, _ := process.HeapBytes()
	resident, _ := process.ResidentBytes()
	return admin.MemoryStatus{HeapBytes: int64(heap), ResidentBytes: int64(resident), Goroutines: runtime.NumGoroutine()}
}
