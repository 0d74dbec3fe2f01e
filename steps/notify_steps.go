package steps

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cucumber/godog"
	"golang.org/x/sys/unix"
)

func (w *World) notifySteps() []step {
	return []step{
		{`the service manager is told {string}`, w.told, "A line of a datagram. One that ends in `=` stands for any value: `MONOTONIC_USEC=`. Waits for it."},
		{`the service manager is told {string} together with {string}`, w.toldTogether, "In the same datagram."},
		{`the service manager is told {string} before {string}`, w.toldBefore, "The first of each. Waits for both."},
		{`the service manager is told {string} {int} times`, w.toldTimes, "Waits until it was told at least that often."},
		{`the service manager was told in this order:`, w.toldInOrder, "A table with one column: each row is the lines of one datagram, separated by commas, and others may be between them. A line that ends in `=` stands for any value."},
		{`the service manager was told {string} {int} time(s) and {string} {int} time(s)`, w.toldExactly, "Exactly that often, so far."},
		{`after {string} the service manager was told neither {string} nor {string}`, w.toldNeitherAfter, "So far; the first must have come."},
		{`after {string} the service manager is told {string} {int} times`, w.toldAfter, "Waits until it was told at least that often."},
		{`the time is remembered`, w.rememberTime, ""},
		{`the service manager is told a MONOTONIC_USEC after that time`, w.toldTimeAfter, "On the clock CLOCK_MONOTONIC."},
		{`the service manager is never told {string}`, w.neverTold, "Checks what has come so far."},
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

// toldLines reports whether a datagram has all the lines of a row.
func toldLines(message, row string) bool {
	for line := range strings.SplitSeq(row, ",") {
		if !hasLine(message, strings.TrimSpace(line)) {
			return false
		}
	}
	return true
}

func (w *World) toldInOrder(table *godog.Table) error {
	return w.eventually(func() error {
		messages := w.notify.messages()
		rest := messages
		for _, row := range table.Rows {
			want := row.Cells[0].Value
			at := slices.IndexFunc(rest, func(message string) bool { return toldLines(message, want) })
			if at < 0 {
				return fmt.Errorf("got %q, want %q in its place", messages, want)
			}
			rest = rest[at+1:]
		}
		return nil
	})
}

// toldCount counts the datagrams with a line.
func toldCount(messages []string, line string) (n int) {
	for _, message := range messages {
		if hasLine(message, line) {
			n++
		}
	}
	return n
}

func (w *World) toldExactly(one string, ones int, other string, others int) error {
	messages := w.notify.messages()
	if toldCount(messages, one) != ones || toldCount(messages, other) != others {
		return fmt.Errorf("got %q, want %q %d times and %q %d times", messages, one, ones, other, others)
	}
	return nil
}

// messagesAfter returns the datagrams after the first one with a line.
func (w *World) messagesAfter(line string) ([]string, error) {
	at := w.toldAt(line)
	if at < 0 {
		return nil, fmt.Errorf("got %q, want %q among them", w.notify.messages(), line)
	}
	return w.notify.messages()[at+1:], nil
}

func (w *World) toldNeitherAfter(first, one, other string) error {
	messages, err := w.messagesAfter(first)
	if err == nil && toldCount(messages, one)+toldCount(messages, other) > 0 {
		err = fmt.Errorf("got %q after %q, want neither %q nor %q", messages, first, one, other)
	}
	return err
}

func (w *World) toldAfter(first, line string, want int) error {
	return w.eventually(func() error {
		messages, err := w.messagesAfter(first)
		if got := toldCount(messages, line); err == nil && got < want {
			err = fmt.Errorf("got %q %d times after %q, want %d", line, got, first, want)
		}
		return err
	})
}

// monotonic reads the service manager's clock, in microseconds.
func monotonic() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, err
	}
	return now.Nano() / 1000, nil
}

func (w *World) rememberTime() error {
	now, err := monotonic()
	if err != nil {
		return err
	}
	w.remembered["time"] = strconv.FormatInt(now, 10)
	return nil
}

func (w *World) toldTimeAfter() error {
	before, err := strconv.ParseInt(w.remembered["time"], 10, 64)
	if err != nil {
		return errors.New("no time was remembered")
	}
	now, err := monotonic()
	if err != nil {
		return err
	}
	for _, message := range w.notify.messages() {
		for line := range strings.SplitSeq(message, "\n") {
			text, ok := strings.CutPrefix(line, "MONOTONIC_USEC=")
			if !ok {
				continue
			}
			if at, err := strconv.ParseInt(text, 10, 64); err != nil || at < before || at > now {
				return fmt.Errorf("got %s, want a time from %d to %d", line, before, now)
			}
			return nil
		}
	}
	return fmt.Errorf("got %q, want a MONOTONIC_USEC", w.notify.messages())
}
