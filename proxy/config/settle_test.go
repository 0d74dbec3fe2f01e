package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFileThatIsBeingReplacedIsReadWhenItHasSettled(t *testing.T) {
	denied := errors.New("permission denied")
	for _, c := range []struct {
		name string
		// settlesAfter is how long the file is unsettled; negative for ever.
		settlesAfter time.Duration
		err          error
		want         string
		wantErr      error
		took         time.Duration
	}{
		{"the file has settled already", 0, nil, "whole", nil, 0},
		{"the file settles after a while", 500 * time.Millisecond, nil, "whole", nil, 500 * time.Millisecond},
		{"the file settles at the last moment", SettleWithin, nil, "whole", nil, SettleWithin},
		{"the file never settles", -1, nil, "", errChangedWhileRead, SettleWithin},
		{"another error is not waited for", 0, denied, "", denied, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				data, err := untilSettled(nil, func() ([]byte, error, bool) {
					if c.err != nil {
						return nil, c.err, true
					}
					if c.settlesAfter < 0 || time.Since(began) < c.settlesAfter {
						return nil, errChangedWhileRead, false
					}
					return []byte("whole"), nil, true
				})
				if string(data) != c.want || err != c.wantErr {
					t.Errorf("got %q and the error %v, want %q and %v", data, err, c.want, c.wantErr)
				}
				if took := time.Since(began); took < c.took || took >= c.took+settlePause {
					t.Errorf("it took %v, want %v and less than a pause more", took, c.took)
				}
			})
		})
	}
}

func TestAShutdownEndsTheWaitForAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, began := make(chan struct{}), time.Now()
		time.AfterFunc(100*time.Millisecond, func() { close(stop) })
		_, err := untilSettled(stop, func() ([]byte, error, bool) { return nil, errChangedWhileRead, false })
		if took := time.Since(began); err != errChangedWhileRead || took != 100*time.Millisecond {
			t.Errorf("got the error %v after %v, want %v after 100ms", err, took, errChangedWhileRead)
		}
	})
}

// In a synctest bubble the clock is decades behind that of the files, so the test sets the times of its files itself.
func TestWhatAFileShowsWhileItIsBeingReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		// begin creates the file, and settle puts it into its final state after 300 ms.
		begin, settle func(t *testing.T, path string)
		want, err     string
	}{
		{"it is missing for a while", nil, whole, "whole", ""},
		{"it is missing", nil, nil, "", "no such file; create it or correct the path"},
		{"it is empty for a while", writtenNow(""), whole, "whole", ""},
		{"it is empty", writtenNow(" \n"), nil, " \n", ""},
		{"it was written this moment, and is left alone", writtenNow("wh"), func(t *testing.T, path string) {}, "wh", ""},
		{"it was written this moment, and goes on", writtenNow("wh"), writtenNow("whole"), "whole", ""},
		{"it was written long ago", whole, nil, "whole", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			synctest.Test(t, func(t *testing.T) {
				if c.begin != nil {
					c.begin(t, path)
				}
				if c.settle != nil {
					time.AfterFunc(settleQuiet/2, func() { c.settle(t, path) })
				}
				data, err := readSettledFile(path, 100, nil)
				if string(data) != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
					t.Errorf("got %q and the error %v, want %q and %q", data, err, c.want, c.err)
				}
			})
		})
	}
	t.Run("it is written all the time", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "config.toml")
		synctest.Test(t, func(t *testing.T) {
			writtenNow("half")(t, path)
			ended := make(chan struct{})
			writer := time.NewTicker(settleQuiet / 2)
			defer writer.Stop()
			go func() {
				for {
					select {
					case <-writer.C:
						writtenNow("half")(t, path)
					case <-ended:
						return
					}
				}
			}()
			_, err := readSettledFile(path, 100, nil)
			close(ended)
			if err != errChangedWhileRead {
				t.Errorf("got the error %v, want %v", err, errChangedWhileRead)
			}
		})
	})
}

// writtenNow writes a file with the bubble's current time as its modification time.
func writtenNow(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) { putFile(t, path, text, time.Now()) }
}

// whole writes a file whose last write was long ago.
func whole(t *testing.T, path string) { putFile(t, path, "whole", time.Now().Add(-time.Hour)) }

// putFile replaces the file at path atomically, so that no reader sees the new file with the machine's time.
func putFile(t *testing.T, path, text string, at time.Time) {
	next := path + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Chtimes(next, at, at), os.Rename(next, path)); err != nil {
		t.Error(err)
	}
}
