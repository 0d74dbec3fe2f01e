package eventlog

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/eventlog/eventlogtest"
)

// openWindows is the number of repeating failures that the Logger currently distinguishes.
func openWindows(l *Logger) int {
	l.repeats.mu.Lock()
	defer l.repeats.mu.Unlock()
	return len(l.repeats.windows)
}

func TestARepeatingFailureIsLoggedOnceInTenSecondsWithACount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		l.Repeating(LevelWarn, "accept", "ACCEPT_ERROR", Int("i", 0))
		time.Sleep(time.Millisecond / 2) // keeps lines off the ends of the windows
		for i := range 25_000 {          // 25 s of a tight loop
			l.Repeating(LevelWarn, "accept", "ACCEPT_ERROR", Int("i", i+1))
			time.Sleep(time.Millisecond)
		}
		eventlogtest.WantLines(t, "lines during the failure", lines(),
			"WARN ACCEPT_ERROR i=0",
			"WARN ACCEPT_ERROR i=10000 repeated=10000",
			"WARN ACCEPT_ERROR i=20000 repeated=10000")
		time.Sleep(5 * time.Second) // the third window ends and writes its line
		if got, want := lines()[3:], "WARN ACCEPT_ERROR i=25000 repeated=5000"; len(got) != 1 || got[0] != want {
			t.Errorf("line after the failure: got %q, want %q", got, want)
		}
		time.Sleep(RepeatWindow - time.Millisecond)
		l.Repeating(LevelWarn, "accept", "ACCEPT_ERROR", Str("i", "held"))
		if got := lines()[4:]; len(got) != 0 {
			t.Errorf("within the window that the count began: got %q, want nothing", got)
		}
		time.Sleep(time.Hour) // the window of that line ends, and then a quiet one, after which the key is forgotten
		if got := openWindows(l); got != 0 {
			t.Errorf("got %d windows after an hour of silence, want 0", got)
		}
		l.Repeating(LevelWarn, "accept", "ACCEPT_ERROR", Str("i", "again"))
		eventlogtest.WantLines(t, "lines after the silence", lines()[4:],
			"WARN ACCEPT_ERROR i=held repeated=1", "WARN ACCEPT_ERROR i=again")
	})
}

func TestRepeatingKeysDoNotHoldBackEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		for range 2 {
			l.Repeating(LevelWarn, "a", "ACCEPT_ERROR", Str("key", "a"))
			l.Repeating(LevelError, "b", "CERT_EXPIRED", Str("key", "b"))
		}
		l.Log(LevelWarn, "ACCEPT_ERROR", Str("key", "none"))
		eventlogtest.WantLines(t, "lines", lines(), "WARN ACCEPT_ERROR key=a", "ERROR CERT_EXPIRED key=b", "WARN ACCEPT_ERROR key=none")
	})
}

func TestTheKeysOfRepeatingFailuresAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		const total = 10_000
		for i := range total {
			l.Repeating(LevelWarn, fmt.Sprint("key", i), "ACCEPT_ERROR", Int("i", i))
		}
		if got, want := openWindows(l), maxRepeatKeys+1; got != want {
			t.Errorf("got %d windows, want %d", got, want)
		}
		if got, want := len(lines()), maxRepeatKeys+1; got != want {
			t.Errorf("got %d lines at once, want %d", got, want)
		}
		time.Sleep(RepeatWindow)
		eventlogtest.WantLines(t, "the line of the shared window", lines()[maxRepeatKeys+1:],
			fmt.Sprintf("WARN ACCEPT_ERROR i=%d repeated=%d", total-1, total-maxRepeatKeys-1))
		l.Repeating(LevelWarn, "key9999", "ACCEPT_ERROR", Int("i", 1))
		if got, want := len(lines()), maxRepeatKeys+3; got != want {
			t.Errorf("a key after the flood: got %d lines, want %d", got, want)
		}
	})
}

func TestARepeatingFailureOfOneEventDoesNotHideOtherEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		for round := range 3 { // each new window has the whole bound again
			for i := range 2 * maxRepeatKeys {
				l.Repeating(LevelWarn, fmt.Sprint("client", i), "HTTP2_ABUSE", Int("i", i))
			}
			before := len(lines())
			for range 2 {
				l.Repeating(LevelWarn, "a", "UPSTREAM_ERROR", Str("upstream", "a"))
				l.Repeating(LevelWarn, "b", "UPSTREAM_ERROR", Str("upstream", "b"))
			}
			eventlogtest.WantLines(t, fmt.Sprintf("lines of the other event, round %d", round), lines()[before:],
				"WARN UPSTREAM_ERROR upstream=a", "WARN UPSTREAM_ERROR upstream=b")
			time.Sleep(3 * RepeatWindow)
		}
		if got := openWindows(l); got != 0 {
			t.Errorf("%d windows are open after the silence, want none", got)
		}
	})
}

func TestLongRepeatingKeysAreClipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		l.Repeating(LevelWarn, strings.Repeat("k", maxRepeatKeyPart)+"1", "ACCEPT_ERROR")
		l.Repeating(LevelWarn, strings.Repeat("k", maxRepeatKeyPart)+"2", "ACCEPT_ERROR")
		eventlogtest.WantLines(t, "lines", lines(), "WARN ACCEPT_ERROR")
		l.repeats.mu.Lock()
		defer l.repeats.mu.Unlock()
		for key := range l.repeats.windows {
			if len(key.Key) > maxRepeatKeyPart {
				t.Errorf("got a key of %d bytes, want %d at most", len(key.Key), maxRepeatKeyPart)
			}
		}
	})
}

func TestCloseWritesTheLinesHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{})
		for i := range 3 {
			l.Repeating(LevelWarn, "a", "ACCEPT_ERROR", Int("i", i))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // no timer is left
		eventlogtest.WantLines(t, "lines", lines(), "WARN ACCEPT_ERROR i=0", "WARN ACCEPT_ERROR i=2 repeated=2")
	})
}

func TestHeldBackLinesKeepTheirLayoutInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, lines := eventlogtest.Bubble(t, New, Options{Format: FormatJSON})
		for range 3 {
			l.Repeating(LevelWarn, "a", "ACCEPT_ERROR", Str("listener", "127.0.0.1:443"))
		}
		time.Sleep(RepeatWindow)
		got := lines()
		want := `{"time":"2000-01-01T00:00:10.000Z","level":"WARN","event":"ACCEPT_ERROR","listener":"127.0.0.1:443","repeated":2}`
		if len(got) != 2 || got[1] != want {
			t.Errorf("got %q, want %q last", got, want)
		}
	})
}
