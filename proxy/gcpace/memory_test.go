//go:build !race

package gcpace

import (
	"runtime/debug"
	"testing"

	"reverse-proxy/proxy/process"
)

// TestTheBallastTakesNoMemory is not built with the race detector, which touches memory of its own for the ballast.
func TestTheBallastTakesNoMemory(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	resident := func() int64 {
		debug.FreeOSMemory()
		bytes, ok := process.ResidentBytes()
		if !ok {
			t.Fatal("the resident memory of the process cannot be read")
		}
		return int64(bytes)
	}
	without := resident()
	end := Pace()
	defer end()
	if with := resident(); with-without > ballastBytes/2 {
		t.Errorf("resident: got %d bytes more, want hardly any", with-without)
	}
}
