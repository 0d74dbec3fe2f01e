package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAProfileIsWrittenForEachRun(t *testing.T) {
	dir := t.TempDir()
	for want := range 2 {
		code, err := profile(dir, func() int { return want })
		if err != nil || code != want {
			t.Fatalf("profile() = %d, %v; want %d", code, err, want)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.pprof"))
	if err != nil || len(files) != 2 {
		t.Fatalf("two runs wrote %q, %v", files, err)
	}
	for _, path := range files {
		if text := unpacked(t, path); !strings.Contains(text, "nanoseconds") {
			t.Errorf("%s is no CPU profile: %q", path, text)
		}
	}
}

func TestWithoutADirectoryTheDaemonRunsWithoutAProfile(t *testing.T) {
	if code, err := profile("", func() int { return 3 }); code != 3 || err != nil {
		t.Errorf("profile() = %d, %v; want the code of the daemon, 3", code, err)
	}
}

func TestADirectoryThatIsMissingIsReportedBeforeTheDaemonStarts(t *testing.T) {
	_, err := profile(filepath.Join(t.TempDir(), "none"), func() int { t.Error("the daemon was started"); return 0 })
	if err == nil || !strings.HasPrefix(err.Error(), "PROFILE_DIR: ") {
		t.Errorf("error %v, want one that begins with PROFILE_DIR", err)
	}
}

// TestTheProfileOfTheDaemonNamesItsFunctions checks that the committed profile is one of the daemon, and that whoever renews it
// commits no path of their machine.
func TestTheProfileOfTheDaemonNamesItsFunctions(t *testing.T) {
	text := unpacked(t, filepath.Join("..", "..", "cmd", "reverse-proxy", "default.pgo"))
	for _, name := range []string{"reverse-proxy/proxy.(*pipeline).handle", "reverse-proxy/proxy.(*h2Conn).read", "crypto/tls.(*Conn).Read"} {
		if !strings.Contains(text, name) {
			t.Errorf("the profile does not contain %s: run `make profile`", name)
		}
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, root+"/") {
		t.Errorf("the profile contains the path %s: make it with `make profile`", root)
	}
}

// unpacked returns the contents of a gzip file.
func unpacked(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	reader, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
