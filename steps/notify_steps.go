package steps

import (
	"fmt"
	"slices"
)

func (w *World) notifySteps() []step {
	return []step{
		{`the service manager is told {string}`, w.told, "A line of a datagram. One that ends in `=` stands for any value: `MONOTONIC_USEC=`. Waits for it."},
		{`the service manager is told {string} together with {string}`, w.toldTogether, "In the same datagram."},
		{`the service manager is told {string} before {string}`, w.toldBefore, "The first of each. Waits for both."},
		{`the service manager is told {string} {int} times`, w.toldTimes, "Waits until it is at least that often."},
		{`the service manager is never told {string}`, w.neverTold, "Looks at what has come so far."},
	}
}

// toldAt returns the index of the first datagram that has all the lines, or -1.
func (w *World) toldAt(lines ...string) int {
	return slices.IndexFunc(w.notify.messages(), func(message string) bool {
		return !slices.ContainsFunc(lines, func(line string) bool { return !hasLine(message, line) })
	})
}

func (w *World) told(line string) error { return w.toldTogether(line, line) }

func (w *World) toldTogether(one, other string) error {
	return w.eventually(func() error {
		if w.toldAt(one, other) < 0 {
			return fmt.Errorf("got %q, want a datagram with %q and %q", w.notify.messages(), one, other)
		}
		return nil
	})
}

func (w *World) toldBefore(first, second string) error {
	return w.eventually(func() error {
		one, other := w.toldAt(first), w.toldAt(second)
		if one < 0 || other < 0 || one >= other {
			return fmt.Errorf("got %q, want %q before %q", w.notify.messages(), first, second)
		}
		return nil
	})
}

func (w *World) toldTimes(line string, want int) error {
	return w.eventually(func() error {
		got := 0
		for _, message := range w.notify.messages() {
			if hasLine(message, line) {
				got++
			}
		}
		if got < want {
			return fmt.Errorf("got %q %d times, want %d", line, got, want)
		}
		return nil
	})
}

func (w *World) neverTold(line string) error {
	if w.toldAt(line) >= 0 {
		return fmt.Errorf("got %q, want never %q", w.notify.messages(), line)
	}
	return nil
}
