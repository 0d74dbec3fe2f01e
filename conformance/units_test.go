package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// shippedUnits are the unit files in deploy/systemd.
var shippedUnits = []string{"reverse-proxy.service", "reverse-proxy.socket"}

// unitDirectory copies the shipped units into the test's own directory, with a program in place of the daemon, because
// systemd checks that it exists.
func unitDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "reverse-proxy")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range shippedUnits {
		text, err := os.ReadFile(filepath.Join(projectRoot(t), "deploy", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		placed := strings.ReplaceAll(string(text), "=reverse-proxy ", "="+binary+" ")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(placed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheUnitsAreValid(t *testing.T) {
	needPrograms(t, "systemd-analyze")
	dir := unitDirectory(t)
	for _, name := range shippedUnits {
		// It prints what it finds wrong, but exits with 0 nevertheless.
		if out := output(t, dir, "systemd-analyze", "verify", "--man=no", filepath.Join(dir, name)); out != "" {
			t.Errorf("%s: got %q, want no complaint", name, out)
		}
	}
}

func TestTheServiceIsClosed(t *testing.T) {
	needPrograms(t, "systemd-analyze")
	dir := unitDirectory(t)
	out := output(t, dir, "systemd-analyze", "security", "--offline=true", "--no-pager", filepath.Join(dir, shippedUnits[0]))
	found := regexp.MustCompile(`Overall exposure level for reverse-proxy\.service: ([0-9.]+)`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("got %q, want an exposure level", out)
	}
	// The worst is 10.
	const most = 1.5
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > most {
		t.Errorf("got the exposure level %s, want at most %v:\n%s", found[1], most, out)
	}
}

func TestTheDocumentsHoldNoCopyOfAUnit(t *testing.T) {
	texts := documents(t)
	for name, text := range texts {
		if strings.Contains(text, "\n[Service]\n") && strings.Contains(text, "\nExecStart=") || strings.Contains(text, "\nListenStream=[::]:443\n") {
			t.Errorf("%s: got a unit, want the path of the shipped one: two texts drift apart", name)
		}
	}
	for _, name := range shippedUnits {
		if path := "deploy/systemd/" + name; !strings.Contains(texts["operations.md"], path) {
			t.Errorf("operations.md: got nothing about %s, want it named", path)
		}
	}
}
