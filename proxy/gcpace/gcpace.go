// Package gcpace sets how much garbage the heap may hold before it is collected.
//
// Go has one number for that, GOGC, which is a share of what is in use. A proxy that clients have filled must not grow
// by as much again (S-12.8), so the share is small. But an idle process has only 2 or 3 MiB in use, and a small share
// of that would be collected hundreds of times a second under load. A ballast that counts as in use gives every heap
// some room. GOGC could instead be set again after each collection, but only with a delay: until then a heap that grows
// quickly would keep the large share that a small heap gets. The package knows nothing of what the heap holds.
package gcpace

import (
	"runtime"
	"runtime/debug"
)

const (
	// percent is how much the heap may grow between two collections, in percent of what is in use and the ballast. A small
	// value makes the collections of a large heap frequent. That costs little, because a request allocates next to nothing.
	percent = 12
	// ballastBytes is the size of the ballast: every heap may grow by 7 MiB in addition.
	ballastBytes = 60 << 20
)

// Pace sets GOGC and allocates the ballast. The returned function ends the use of the ballast. It takes address space but no
// memory: its pages are never touched.
func Pace() (end func()) {
	debug.SetGCPercent(percent)
	ballast := make([]byte, ballastBytes)
	return func() { runtime.KeepAlive(ballast) }
}
