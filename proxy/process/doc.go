// Package process reads what the kernel and the Go runtime report of this process: its descriptors and its memory.
//
// It knows nothing of what the process is for.
package process
