package limit

import (
	"fmt"
	"testing"
	"time"
)

// idleOwner is a request that nothing holds up.
type idleOwner struct{}

func (idleOwner) HeldUp() (bool, time.Duration) { return false, 0 }
func (idleOwner) GiveWay(GaveWay)               {}

// BenchmarkAFullGate shows that the work of each waiting request, every 200 ms and under one lock, costs the same
// however many requests wait.
func BenchmarkAFullGate(b *testing.B) {
	for _, waiting := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			gates := NewGates(waiting+1, time.Now)
			gate := gates.Gate(1)
			gates.Bound(map[*Gate]int{gate: 8})
			var last *Pass
			for i := range waiting + 8 {
				last = new(Pass)
				gate.Enter(last, NewKey(floodAddr(i)), idleOwner{}, time.Now(), true)
			}
			for b.Loop() {
				gate.press(last)
			}
		})
	}
}
