package wording

import (
	"testing"
	"time"
)

func TestDurationsHaveTheirTwoLargestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 61 * time.Second: "1 min 1 s", 2*time.Hour + 3*time.Minute: "2 h 3 min",
		49 * time.Hour: "2 d 1 h"} {
		if got := Duration(d); got != want {
			t.Errorf("%d ns: got %q, want %q", d, got, want)
		}
	}
}

func TestTimesAreInUTCToTheSecond(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("CET", 3600))
	if got, want := Time(at), "2026-01-02T02:04:05Z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
