package acmecert

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const acmeTestDirectory = "https://ca.example.test/dir"

func TestACMERefusalsWaitLongerEachTime(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().UTC().Truncate(time.Second)
	r, err := loadRefusals(testDisk(dir))
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	for i, want := range []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, day, day, day} {
		e, err := r.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", 0, 0, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.NextTry.Sub(now); got != want {
			t.Errorf("refusal %d: got a wait of %v, want %v", i+1, got, want)
		}
		if e.waiting(e.NextTry) || !e.waiting(e.NextTry.Add(-time.Second)) {
			t.Errorf("refusal %d: want the wait to end exactly at the next try", i+1)
		}
		// A restart between two refusals changes nothing.
		if r, err = loadRefusals(testDisk(dir)); err != nil {
			t.Fatal(err)
		}
		kept, ok := r.get(acmeTestDirectory, acmeTestName)
		if diff := cmp.Diff(e, kept); !ok || diff != "" {
			t.Errorf("refusal %d after a restart (-want +got):\n%s", i+1, diff)
		}
		now = e.NextTry
	}
	if err := r.forget(t.Context(), acmeTestDirectory, acmeTestName); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, refusalsFile)); !os.IsNotExist(err) {
		t.Errorf("got %v, want no file when nothing is remembered", err)
	}
	if e, _ := r.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", 0, 0, now); e.Failures != 1 {
		t.Errorf("got %d failures after a success between, want 1", e.Failures)
	}
}

// TestALedgerOnAHangingDiskEndsWithItsContext covers an operation that has begun and waits for the disk.
func TestALedgerOnAHangingDiskEndsWithItsContext(t *testing.T) {
	r, err := loadRefusals(testDisk(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("told to stop")
	err = r.onDisk(ctx, func() error { cancel(cause); <-answer; return nil })
	if err != cause {
		t.Errorf("got %v, want %v", err, cause)
	}
	short, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := r.onDisk(short, func() error { t.Error("it began while another one had the turn"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v for the next one, want that it waits for its turn", err)
	}
	close(answer)
	if err := r.onDisk(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("got %v after the disk has answered", err)
	}
}

// TestARefusalOfOneNameIsNotTakenForThatOfAnother covers the order of the entries, which are sorted when they are written.
func TestARefusalOfOneNameIsNotTakenForThatOfAnother(t *testing.T) {
	r, err := loadRefusals(testDisk(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, name := range []string{"c.example.test", "b.example.test", "a.example.test", "c.example.test"} {
		e, err := r.refuse(t.Context(), acmeTestDirectory, name, "no "+name, 0, 0, now)
		if err != nil {
			t.Fatal(err)
		}
		if e.Domain != name || e.LastError != "no "+name {
			t.Errorf("the refusal of %s: got %+v", name, e)
		}
	}
	e, err := r.demand(t.Context(), acmeTestDirectory, "busy", time.Hour, now)
	if err != nil || e.Domain != "" || !e.NextTry.Equal(now.Add(time.Hour)) {
		t.Errorf("the demand for all names: got %+v, %v", e, err)
	}
}

func TestACMERefusalsObeyRetryAfter(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second).Add(6)
	for _, tc := range []struct {
		name       string
		retryAfter time.Duration
		want       time.Duration
	}{
		{"a longer Retry-After counts", 3 * time.Hour, 3 * time.Hour},
		{"a shorter one does not shorten the wait", time.Second, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, _ := loadRefusals(testDisk(t.TempDir()))
			e, err := r.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", tc.retryAfter, 0, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := e.NextTry.Sub(now); got < tc.want || got > tc.want+time.Second {
				t.Errorf("got a wait of %v, want %v, rounded up to a second", got, tc.want)
			}
		})
	}
}

func TestACMERefusalsFile(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	t.Run("is readable only by its owner and leaves no other file", func(t *testing.T) {
		dir := t.TempDir()
		r, _ := loadRefusals(testDisk(dir))
		for _, name := range []string{"b.example.test", "a.example.test"} {
			if _, err := r.refuse(t.Context(), acmeTestDirectory, name, "no", 0, 0, now); err != nil {
				t.Fatal(err)
			}
		}
		info, err := os.Stat(filepath.Join(dir, refusalsFile))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != 0o600 {
			t.Errorf("got mode %v, want -rw-------", got)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("got %v, want one file", entries)
		}
	})
	t.Run("that cannot be written still counts in memory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "gone")
		r, _ := loadRefusals(testDisk(dir))
		e, err := r.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", 0, 0, now)
		if err == nil {
			t.Error("got no error, want one for a directory that is not there")
		}
		if kept, ok := r.get(acmeTestDirectory, acmeTestName); !ok || kept != e {
			t.Errorf("got %+v, %v, want %+v", kept, ok, e)
		}
	})
	t.Run("written under a clock that was ahead makes nobody wait", func(t *testing.T) {
		r, _ := loadRefusals(testDisk(t.TempDir()))
		e, _ := r.refuse(t.Context(), acmeTestDirectory, acmeTestName, "no", 0, 0, now.AddDate(10, 0, 0))
		if e.waiting(now) {
			t.Error("got a wait of ten years, want none")
		}
	})
}

func TestUnreachableWait(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name                string
		n                   int
		remaining, lifetime time.Duration
		want                time.Duration
	}{
		{"it is a minute at first", 0, 30 * day, 90 * day, time.Minute},
		{"it doubles", 3, 30 * day, 90 * day, 8 * time.Minute},
		{"it grows to an hour", 6, 30 * day, 90 * day, time.Hour},
		{"it stays an hour", 1 << 30, 30 * day, 90 * day, time.Hour},
		{"a short-lived certificate gets several tries before its end", 0, 8 * time.Second, 29 * time.Second, 2 * time.Second},
		{"it is never less than a second", 0, time.Second, 29 * time.Second, time.Second},
		{"it stays an hour once a long-lived certificate has expired", 9, -day, 90 * day, time.Hour},
		{"it is short once a short-lived certificate has expired", 9, -day, 29 * time.Second, time.Second},
		{"it is a second where there is no certificate", 0, 0, 0, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := unreachableWait(tc.n, tc.remaining, tc.lifetime); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func FuzzACMERefusals(f *testing.F) {
	f.Add([]byte(`{"refusals":[{"directory":"https://ca/dir","domain":"a.test","failures":1,"last_error":"no",` +
		`"last_attempt":"2026-01-02T03:04:05Z","next_try":"2026-01-02T03:05:05Z"}]}`))
	f.Add([]byte(`{"refusals":[{"domain":"a.test","failures":-1}]}`))
	f.Add([]byte(`{"refusals":[{"domain":"a.test","failures":9,"next_try":"9999-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseEntries[refusal](refusalsField, data)
		if err != nil {
			return
		}
		r := &refusals{newLedger[refusal](testDisk(t.TempDir()), refusalsFile, refusalsField)}
		r.entries = byKey(entries)
		for _, e := range entries {
			if e.Failures < 1 || e.NextTry.Sub(e.LastAttempt) > maxRetryAfter {
				t.Fatalf("got %+v, want it dropped", e)
			}
		}
		now := time.Now().UTC().Truncate(time.Second)
		for _, e := range entries[:min(len(entries), 3)] {
			next, err := r.refuse(t.Context(), e.Directory, e.Domain, "again", 0, 0, now)
			if err != nil {
				t.Fatalf("refuse after %q: %v", data, err)
			}
			if wait := next.NextTry.Sub(now); wait < time.Minute || wait > 24*time.Hour {
				t.Fatalf("got a wait of %v, want between a minute and a day", wait)
			}
		}
	})
}

func TestWhatIsRememberedOfANameThatWentIsForgottenInTime(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		entry interface{ stale(time.Time) bool }
		want  bool
	}{
		"a wait that is running is kept":           {refusal{NextTry: now.Add(time.Hour)}, false},
		"a wait that ended days ago is kept":       {refusal{NextTry: now.Add(-20 * 24 * time.Hour)}, false},
		"a wait that ended in spring is forgotten": {refusal{NextTry: now.Add(-31 * 24 * time.Hour)}, true},
		"a window in the past is kept":             {suggestion{End: now.Add(-60 * 24 * time.Hour)}, false},
		"a window of years ago is forgotten":       {suggestion{End: now.Add(-800 * 24 * time.Hour)}, true},
		"a renewal after such a window is kept":    {suggestion{End: now.Add(-800 * 24 * time.Hour), Early: now.Add(-time.Hour)}, false},
		"a suggestion without a window is kept":    {suggestion{}, false},
		"an early renewal a year ago is forgotten": {suggestion{Early: now.Add(-401 * 24 * time.Hour)}, true},
	} {
		if got := tc.entry.stale(now); got != tc.want {
			t.Errorf("%s: got stale %v, want %v", name, got, tc.want)
		}
	}

	dir := t.TempDir()
	r, _ := loadRefusals(testDisk(dir))
	for name, age := range map[string]time.Duration{"gone.test": 60 * 24 * time.Hour, "used.test": time.Hour} {
		if _, err := r.refuse(t.Context(), acmeTestDirectory, name, "no", 0, 0, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := loadRefusals(testDisk(dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := kept.get(acmeTestDirectory, "gone.test"); ok {
		t.Error("a refusal of months ago is still remembered")
	}
	if _, ok := kept.get(acmeTestDirectory, "used.test"); !ok {
		t.Error("a refusal of an hour ago is forgotten")
	}
	if _, err := kept.refuse(t.Context(), acmeTestDirectory, "used.test", "no", 0, 0, now); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, refusalsFile)); err != nil || strings.Contains(string(data), "gone.test") {
		t.Errorf("got %q, %v; want the next write to leave the old one out", data, err)
	}
}
