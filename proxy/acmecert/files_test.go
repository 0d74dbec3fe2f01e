package acmecert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAFullCacheIsRefusedBeforeAnythingIsOrdered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600); err != nil {
		t.Fatalf("an empty file: %v, want that it has room", err)
	}
	err := prepareCacheDir(dir)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("got %v, want that there is no room", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %v left, want the probe removed", entries)
	}
	if err := writeFile(filepath.Join(dir, "certificate"), make([]byte, probeBytes)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("writing a file: got %v, want that there is no room", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("got %v left, want no torn file", entries)
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "is a named pipe", dir: "is a directory", "/dev/zero": "is a device", large: "is larger than",
		filepath.Join(dir, "none"): "no such file"} {
		if _, err := readFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func TestAKeyOfTheCacheCannotLeadOutOfIt(t *testing.T) {
	dir := t.TempDir()
	for key, want := range map[string]string{"a.test": dir + "/a.test", "../a.test": dir + "/a.test", "/etc/passwd": dir + "/etc/passwd"} {
		if got := (diskCache{testDisk(dir)}).path(key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}
