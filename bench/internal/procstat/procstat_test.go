//go:build linux

package procstat

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSchedstat(t *testing.T) {
	if got, err := parseSchedstat([]byte("37941970 27090974 83\n")); err != nil || got != 37941970 {
		t.Errorf("got %v, %v, want 37.94197ms", got, err)
	}
	for name, text := range map[string]string{
		"an empty text is an error":              "",
		"a field too few is an error":            "1 2\n",
		"a field too many is an error":           "1 2 3 4\n",
		"a text is an error":                     "x 2 3\n",
		"a number that is too large is an error": "99999999999999999999 2 3\n",
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if got, err := parseSchedstat([]byte(text)); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

// statLine is the line of a process whose name looks like fields.
const statLine = "42 (a) b (c) S 17 42 42 0 -1 4194560 100 0 0 0 1234 56 0 0 20 0 8 0 100 1000000 500\n"

func TestStatField(t *testing.T) {
	for field, want := range map[int]int64{4: 17, 14: 1234, 15: 56} {
		if got, err := statField([]byte(statLine), field); err != nil || got != want {
			t.Errorf("field %d: got %d, %v, want %d", field, got, err, want)
		}
	}
	for name, c := range map[string]struct {
		text  string
		field int
	}{
		"a missing name is an error":                 {"42 S 17", 4},
		"a field after the end is an error":          {"42 (a) S 17", 14},
		"a field before the name is an error":        {"42 (a) S 17", 2},
		"a field that is not a number is an error":   {"42 (a) S x 1", 4},
		"a line that ends with the name is an error": {"42 (a)", 4},
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if got, err := statField([]byte(c.text), c.field); err == nil {
				t.Errorf("got %d, want an error", got)
			}
		})
	}
}

func TestParseStatm(t *testing.T) {
	if got, err := parseStatm([]byte("3000 250 100 5 0 60 0\n")); err != nil || got != 250 {
		t.Errorf("got %d, %v, want 250", got, err)
	}
	for _, text := range []string{"", "1", "1 x"} {
		if got, err := parseStatm([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestParseCore(t *testing.T) {
	text := []byte("cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 10 2 20 100 5 1 3 4 7 0\nintr 5\n")
	got, err := parseCore(text, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Busy: user, nice, system, irq, softirq, steal. User time already includes guest time.
	if want := (CoreTime{Busy: 400 * time.Millisecond, Total: 1450 * time.Millisecond}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, text := range map[string]string{
		"a core that is not there is an error":    "cpu0 1 1 1 1 1 1 1 1\n",
		"a short line is an error":                "cpu1 1 1 1\n",
		"a text in place of a number is an error": "cpu1 1 1 1 x 1 1 1 1\n",
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			if got, err := parseCore([]byte(text), 1); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

func TestBusyShare(t *testing.T) {
	before := CoreTime{Busy: time.Second, Total: 2 * time.Second}
	if got := BusyShare(before, CoreTime{Busy: 4 * time.Second, Total: 6 * time.Second}); got != 0.75 {
		t.Errorf("got %v, want 0.75", got)
	}
	if got := BusyShare(before, before); got != 0 {
		t.Errorf("without time between: got %v, want 0", got)
	}
}

func TestDescendantsAreFoundAtAnyDepth(t *testing.T) {
	parents := map[int]int{1: 0, 10: 1, 11: 10, 12: 10, 13: 12, 20: 1}
	got := descendants(10, parents)
	slices.Sort(got)
	if diff := cmp.Diff([]int{10, 11, 12, 13}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwnProcessIsRead(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := CPUTime(self)
	if err != nil || before <= 0 {
		t.Fatalf("CPU time: got %v, %v, want some", before, err)
	}
	after := before
	for end := time.Now().Add(2 * time.Second); after <= before && time.Now().Before(end); {
		if after, err = CPUTime(self); err != nil {
			t.Fatal(err)
		}
	}
	if after <= before {
		t.Errorf("CPU time after work: got %v, want more than %v", after, before)
	}
	if rss, err := RSS(self); err != nil || rss < 1<<20 {
		t.Errorf("memory: got %d, %v, want at least 1 MiB", rss, err)
	}
	parents, err := parentsOfAll()
	if err != nil || parents[self[0]] != os.Getppid() {
		t.Errorf("parent: got %d, %v, want %d", parents[self[0]], err, os.Getppid())
	}
	if tree, err := Tree(self[0]); err != nil || !slices.Contains(tree, self[0]) {
		t.Errorf("tree: got %v, %v, want one with %d", tree, err, self[0])
	}
}

func TestGoneProcessIsAnError(t *testing.T) {
	const none = 1<<22 + 1 // above the kernel's largest process number
	if got, err := CPUTime([]int{none}); err == nil || !strings.Contains(err.Error(), strconv.Itoa(none)) {
		t.Errorf("CPU time: got %v, %v, want an error that names the process", got, err)
	}
	if got, err := RSS([]int{none}); err == nil {
		t.Errorf("memory: got %v, want an error", got)
	}
}
