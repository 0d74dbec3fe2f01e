package acmecert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// entriesOf lists a directory.
func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWhatKilledProcessesLeftIsRemovedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".writing-1", ".write-test-2", ".hidden", acmeTestName, accountKeyFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".writing-dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	young, old := unfinishedPrefix+"young.example.test", unfinishedPrefix+"old.example.test"
	for name, age := range map[string]time.Duration{young: unfinishedLife / 2, old: unfinishedLife + time.Minute} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	live, err := createTemp(dir, writingPrefix) // as by a process that runs
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Base(live.Name()), ".hidden", ".writing-dir", young, acmeTestName, accountKeyFile}
	slices.Sort(want)
	if err := prepareCacheDir(dir); err != nil {
		t.Fatal(err)
	}
	if got := entriesOf(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q after a start, want %q", got, want)
	}
	live.Close() // its process has ended
	if err := prepareCacheDir(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(live.Name()); !os.IsNotExist(err) {
		t.Errorf("got %v for the file of a process that has ended, want it removed", err)
	}
}

// TestAStartTakesNothingFromAnotherProcessThatWrites runs both at the same time.
func TestAStartTakesNothingFromAnotherProcessThatWrites(t *testing.T) {
	dir := t.TempDir()
	done := make(chan struct{})
	var starts, writers sync.WaitGroup
	starts.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				removeLeftovers(dir)
			}
		}
	})
	const files, each = 4, 50
	for i := range files {
		writers.Go(func() {
			for n := range each {
				if err := writeFile(filepath.Join(dir, fmt.Sprint("name", i)), []byte(fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	starts.Wait()
	if got := entriesOf(t, dir); len(got) != files {
		t.Errorf("got %q, want the %d files", got, files)
	}
}
