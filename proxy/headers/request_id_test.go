package headers

import (
	"math"
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestARequestIDIsAUUIDv7(t *testing.T) {
	// The example is from RFC 9562, appendix A.6.
	at := time.UnixMilli(0x017F22E279B0)
	if got, want := string(appendUUIDv7(nil, at, 0xCC3, 0x18C4DC0C0C07398F)), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(appendUUIDv7([]byte("id="), time.UnixMilli(0), 0, 0)), "id=00000000-0000-7000-8000-000000000000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(appendUUIDv7(nil, time.UnixMilli(1<<48-1), math.MaxUint64, math.MaxUint64)), "ffffffff-ffff-7fff-bfff-ffffffffffff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequestIDsDifferAndSortByTime(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	var ids []string
	for i := range 2000 {
		id := NewRequestID(new([RequestIDBytes]byte), time.UnixMilli(1_700_000_000_000+int64(i/2)))
		if !form.MatchString(id) || len(id) != RequestIDBytes {
			t.Fatalf("got %q", id)
		}
		if seen[id] {
			t.Fatalf("got %q twice", id)
		}
		seen[id] = true
		if i%2 == 0 {
			ids = append(ids, id)
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("IDs of later requests do not come after those of earlier ones")
	}
}

func TestARequestIDAllocatesNothing(t *testing.T) {
	at := time.Now()
	var room [RequestIDBytes]byte
	if n := testing.AllocsPerRun(100, func() { _ = NewRequestID(&room, at) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRequestID(b *testing.B) {
	at := time.Now()
	var room [RequestIDBytes]byte
	for b.Loop() {
		_ = NewRequestID(&room, at)
	}
}
