package process

import (
	"os"
	"testing"
)

func TestOpenDescriptorsAreCounted(t *testing.T) {
	before := OpenDescriptors()
	limit, ok := DescriptorLimit()
	if before < 3 || !ok || limit < uint64(before) {
		t.Fatalf("got %d of %d (%v), want at least the standard streams and no more than allowed", before, limit, ok)
	}
	for range 50 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	// Other descriptors of the test process may come and go in the meantime.
	if got := OpenDescriptors() - before; got < 40 || got > 60 {
		t.Errorf("50 files later: got %d more descriptors, want about 50", got)
	}
}

func TestMemoryIsRead(t *testing.T) {
	heap, heapOK := HeapBytes()
	resident, residentOK := ResidentBytes()
	virtual, virtualOK := VirtualBytes()
	if !heapOK || !residentOK || !virtualOK || heap == 0 || resident < heap/2 || virtual < resident {
		t.Errorf("got %d, %d and %d bytes, want a heap that is resident in a larger address space", heap, resident, virtual)
	}
}

func TestNumbersOfStatmArePages(t *testing.T) {
	page := uint64(os.Getpagesize())
	for statm, want := range map[string]uint64{"100 25 7 1 0 9 0\n": 25 * page, "": 0, "100": 0, "100 x": 0, "100 -1": 0} {
		if got, ok := statmBytes(statm, 1); got != want || ok != (want > 0) {
			t.Errorf("statm %q: got %d bytes, %v, want %d", statm, got, ok, want)
		}
	}
}
