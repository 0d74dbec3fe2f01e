package gcpace

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestASmallHeapMayGrowByTheAllowanceAndALargeOneByHalf(t *testing.T) {
	for _, test := range []struct {
		name  string
		inUse uint64
		want  int
	}{
		{"nothing in use", 0, 400},
		{"the largest heap that grows by maxPercent", 2 << 20, 400},
		{"a little more", 4 << 20, 200},
		{"as much as the allowance", 8 << 20, 100},
		{"twice the allowance", 16 << 20, 50},
		{"much more", 1 << 30, 50},
		{"more than any machine has", math.MaxUint64, 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := percentFor(test.inUse); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// gogc returns the GOGC in force.
func gogc() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// awaitGOGC collects until GOGC is as wanted.
func awaitGOGC(t *testing.T, what string, wanted func(int) bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !wanted(gogc()) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: GOGC is %d", what, gogc())
		}
		runtime.GC()
	}
}

func TestGOGCFollowsTheHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	Start()
	awaitGOGC(t, "a small heap", func(percent int) bool { return percent > 150 })
	held := make([]byte, 64<<20)
	awaitGOGC(t, "a heap of 64 MiB", func(percent int) bool { return percent == Percent })
	runtime.KeepAlive(held)
	held = nil
	awaitGOGC(t, "a small heap again", func(percent int) bool { return percent > 150 })
}
