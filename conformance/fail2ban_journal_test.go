package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// journalRemote is usually not on PATH.
const journalRemote = "/lib/systemd/systemd-journal-remote"

// needJournal skips a test if journals cannot be made or fail2ban cannot read them, and fails it in CI.
func needJournal(t *testing.T) {
	t.Helper()
	needPrograms(t, "fail2ban-regex", "python3")
	why := ""
	if _, err := os.Stat(journalRemote); err != nil {
		why = "systemd-journal-remote is not installed"
	} else if err := exec.Command("/usr/bin/python3", "-c", "import systemd.journal").Run(); err != nil {
		why = "python3-systemd is not installed"
	}
	switch {
	case why == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("%s; in CI it must be: make deps", why)
	default:
		t.Skipf("%s; make deps installs it", why)
	}
}

// writeJournal makes a journal with a message of each unit for each line.
func writeJournal(t *testing.T, dir string, lines []string, unit string) {
	t.Helper()
	var export strings.Builder
	for i, line := range lines {
		// The format of `journalctl -o export`: systemd.io/JOURNAL_EXPORT_FORMATS.
		fmt.Fprintf(&export, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032d\n_MACHINE_ID=%032d\n_HOSTNAME=edge-1.example.com\n"+
			"SYSLOG_IDENTIFIER=reverse-proxy\n_PID=4711\n_SYSTEMD_UNIT=%s\nMESSAGE=%s\n\n", 1767323045000000+i, 1000+i, 1, 1, unit, line)
	}
	input := filepath.Join(dir, unit+".export")
	if err := os.WriteFile(input, []byte(export.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, dir, journalRemote, "-o", filepath.Join(dir, unit+".journal"), input)
}

// A daemon that logs only to the journal is watched with `backend = systemd`.
func TestFail2banFiltersOnTheJournal(t *testing.T) {
	needJournal(t)
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			writeJournal(t, dir, renderCases(format), "reverse-proxy.service")
			// Another service that writes the same lines: a process may choose its identifier, but not its unit.
			forged := strings.ReplaceAll(strings.Join(renderCases(format), "\n"), "203.0.", "198.51.")
			writeJournal(t, dir, strings.Split(forged, "\n"), "other.service")
			checkFilters(t, fmt.Sprintf("systemd-journal[journalfiles=%s]", filepath.Join(dir, "*.journal")))
		})
	}
}
