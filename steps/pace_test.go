package steps

import (
	"testing"
	"time"
)

func TestTheSlowestMeasurementOfASpan(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	p := &pace{}
	for _, m := range [][2]int{{0, 1}, {100, 140}, {200, 230}, {300, 302}} {
		p.begin(at(m[0]))
		p.end(at(m[1]))
	}
	p.begin(at(400)) // under way
	for _, test := range []struct {
		name     string
		from, to int
		want     int
	}{
		{"a span is within one measurement", 210, 220, 30},
		{"a span goes over several measurements", 90, 350, 40},
		{"a span is between two measurements", 150, 199, 0},
		{"a span ends during a measurement that is under way", 350, 900, 500},
		{"a span is before all measurements", -100, -1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := p.slowest(at(test.from), at(test.to)), time.Duration(test.want)*time.Millisecond; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	p.end(at(450))
	p.begin(at(int(paceKept/time.Millisecond) + 320))
	if got := len(p.measured); got != 2 {
		t.Errorf("got %d measurements kept, want the 2 of the last %v", got, paceKept)
	}
}

func TestThePaceDoesNotExcuseAnythingOnAnIdleMachine(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	if got := w.allowed(time.Second, now, now); got != time.Second {
		t.Errorf("got %v without measurements, want a second", got)
	}
	w.suite.pace = &pace{measured: []measurement{{began: now, took: time.Millisecond}}}
	if got := w.allowed(time.Second, now.Add(-time.Second), now.Add(time.Second)); got != time.Second+paceFactor*time.Millisecond {
		t.Errorf("got %v, want a second and %d ms", got, paceFactor)
	}
}
