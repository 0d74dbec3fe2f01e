package gcpace

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// TestASmallHeapHasRoom checks the size at which the next collection begins, with little in use and with much.
func TestASmallHeapHasRoom(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	end := Pace()
	defer end()
	room := func() (bytes int64) {
		runtime.GC()
		samples := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
		metrics.Read(samples)
		return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
	}
	const mib = 1 << 20
	if small := room(); small < 7*mib || small > 10*mib {
		t.Errorf("a small heap: got room for %d bytes of garbage, want 7 MiB and an eighth of what is in use", small)
	}
	held := make([]byte, 64*mib)
	if large := room(); large < 14*mib || large > 17*mib {
		t.Errorf("a heap of 64 MiB: got room for %d bytes of garbage, want 7 MiB and an eighth of what is in use", large)
	}
	runtime.KeepAlive(held)
}
