package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reverse-proxy/conformance/acmetest"
	"reverse-proxy/steps"
)

// projectRoot is the directory of go.mod: tests run in their package's directory.
func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// featurePaths returns the paths in FEATURES, relative to the project's root or to features/, or else all features.
func featurePaths(root string) []string {
	var paths []string
	for name := range strings.FieldsSeq(os.Getenv("FEATURES")) {
		path := filepath.Join(root, name)
		file, _, _ := strings.Cut(path, ":")
		if _, err := os.Stat(file); err != nil {
			path = filepath.Join(root, "features", name)
		}
		paths = append(paths, path)
	}
	if paths == nil {
		paths = []string{filepath.Join(root, "features")}
	}
	return paths
}

// buildSuite builds the binaries once.
func buildSuite(t *testing.T, root string) *steps.Suite {
	t.Helper()
	dir := t.TempDir()
	daemon, sample := filepath.Join(dir, "reverse-proxy"), filepath.Join(dir, "sample-upstream")
	buildCoveredDaemon(t, root, daemon)
	released := filepath.Join(dir, "reverse-proxy-released")
	goBuild(t, root, "-o", released, "./cmd/reverse-proxy")
	goBuild(t, root, "-o", sample, "./cmd/sample-upstream")
	suite, err := steps.NewSuite(daemon, sample)
	if err != nil {
		t.Fatal(err)
	}
	suite.Tools["pebble"] = filepath.Join(dir, "pebble")
	if err := acmetest.BuildPebble(suite.Tools["pebble"]); err != nil {
		t.Fatal(err)
	}
	suite.Released = released
	suite.Root, suite.Diagnostics, suite.CoverDir = root, os.Stdout, coverDir(t, root)
	return suite
}

// buildCoveredDaemon builds the daemon with coverage counters and, if there is a C compiler, with the race detector.
func buildCoveredDaemon(t *testing.T, root, binary string) {
	t.Helper()
	var flags []string
	if !coverageIsOff() {
		flags = append(flags, "-cover", "-coverpkg=reverse-proxy/proxy/...,reverse-proxy/cmd/reverse-proxy")
	}
	if raceDetectorWorks() {
		flags = append(flags, "-race")
	} else {
		fmt.Println("no C compiler found: the daemon is built without the race detector")
	}
	goBuild(t, root, append(flags, "-pgo=off", "-o", binary, "./cmd/reverse-proxy")...) // profile-guided optimization would double the time
}

// coverageIsOff reports whether the daemons are built without counters. `make mutants` needs that, because -cover ignores
// -overlay.
func coverageIsOff() bool { return os.Getenv("SUITE_COVERDIR") == "off" }

// coverDir creates the directory of the daemons' counters: SUITE_COVERDIR, or out/cover/daemon.
func coverDir(t *testing.T, root string) string {
	t.Helper()
	if coverageIsOff() {
		return t.TempDir()
	}
	dir := os.Getenv("SUITE_COVERDIR")
	if dir == "" {
		dir = filepath.Join(root, "out", "cover", "daemon")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// raceDetectorWorks reports whether cgo can be used, which -race needs.
func raceDetectorWorks() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return false
	}
	enabled, compiler, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if enabled != "1" || len(strings.Fields(compiler)) == 0 {
		return false
	}
	_, err = exec.LookPath(strings.Fields(compiler)[0])
	return err == nil
}

// goBuild builds a program that looks up users and names as the static binary does, and not through the C library that
// the race detector links.
func goBuild(t *testing.T, root string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-tags=osusergo,netgo"}, args...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
