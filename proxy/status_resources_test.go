package proxy

import (
	"os"
	"testing"
)

func TestDescriptorUsageCountsWhatIsOpen(t *testing.T) {
	before := descriptorUsage()
	if before.Used < 3 || before.Allowed < before.Used {
		t.Fatalf("got %+v, want at least the standard streams and no more than allowed", before)
	}
	for range 50 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
	}
	// Other descriptors of the test process may come and go in the meantime.
	if got := descriptorUsage().Used - before.Used; got < 40 || got > 60 {
		t.Errorf("50 files later: got %d more descriptors, want about 50", got)
	}
}

func TestMemoryIsRead(t *testing.T) {
	got := memoryUsage()
	if got.HeapBytes <= 0 || got.Goroutines < 1 || got.ResidentBytes < got.HeapBytes/2 {
		t.Errorf("got %+v, want a heap that is resident, and a goroutine", got)
	}
	page := int64(os.Getpagesize())
	for statm, want := range map[string]int64{"100 25 7 1 0 9 0\n": 25 * page, "": 0, "100": 0, "100 x": 0} {
		if got := residentBytes(statm); got != want {
			t.Errorf("statm %q: got %d bytes, want %d", statm, got, want)
		}
	}
}
