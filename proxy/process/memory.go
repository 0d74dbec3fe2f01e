package process

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// ResidentBytes returns the resident memory. ok is false if the system does not report it.
func ResidentBytes() (bytes uint64, ok bool) { return memory(1) }

// VirtualBytes returns the size of the address space. ok is false if the system does not report it.
func VirtualBytes() (bytes uint64, ok bool) { return memory(0) }

// memory reads one number of /proc/self/statm.
func memory(field int) (bytes uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	return statmBytes(string(text), field)
}

// statmBytes returns one of the numbers of /proc/self/statm, which counts in pages (proc_pid_statm(5)), in bytes.
func statmBytes(statm string, field int) (bytes uint64, ok bool) {
	fields := strings.Fields(statm)
	if field >= len(fields) {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[field], 10, 63)
	if err != nil {
		return 0, false
	}
	return pages * uint64(os.Getpagesize()), true
}

// HeapBytes returns the memory of live objects and of those not yet collected. It stops no goroutine. ok is false if the
// runtime does not report it.
func HeapBytes() (bytes uint64, ok bool) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0, false
	}
	return sample[0].Value.Uint64(), true
}
