package conformance_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// copyTree copies the project's files in their current state, except those that Git ignores.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	for name := range strings.SplitSeq(output(t, from, "git", "ls-files", "-z", "-co", "--exclude-standard"), "\x00") {
		contents, err := os.ReadFile(filepath.Join(from, name))
		if name == "" || errors.Is(err, os.ErrNotExist) {
			continue // it is deleted, but Git still lists it
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), contents, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// output runs a program to its end and returns its output.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestMakeBuildRecordsTheRevision builds as an operator does, in each kind of source tree (S-1.6).
func TestMakeBuildRecordsTheRevision(t *testing.T) {
	root := projectRoot(t)
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("these sources are not a Git checkout, so there is no revision to record")
	}
	dir := t.TempDir()
	checkout, worktree, archive := filepath.Join(dir, "checkout"), filepath.Join(dir, "worktree"), filepath.Join(dir, "archive")
	copyTree(t, root, archive)
	copyTree(t, root, checkout)
	output(t, checkout, "git", "init", "--quiet")
	output(t, checkout, "git", "add", "--all")
	output(t, checkout, "git", "-c", "user.name=test", "-c", "user.email=test@example.test", "commit", "--quiet", "-m", "all")
	output(t, checkout, "git", "worktree", "add", "--quiet", "--detach", worktree)
	revision := output(t, checkout, "git", "rev-parse", "HEAD")

	for _, tt := range []struct{ name, dir, change, want string }{
		{"a checkout has its revision", checkout, "", "(revision " + revision + ", go1."},
		{"a checkout with changes is dirty", checkout, "proxy/doc_of_a_change.go", "(revision " + revision + "+dirty, go1."},
		{"a linked worktree has its revision", worktree, "", "(revision " + revision + ", go1."},
		{"a linked worktree with changes is dirty", worktree, "proxy/doc_of_a_change.go", "(revision " + revision + "+dirty, go1."},
		{"the revision is unknown without a checkout", archive, "", "(revision unknown, go1."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change != "" {
				if err := os.WriteFile(filepath.Join(tt.dir, tt.change), []byte("package proxy\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			output(t, tt.dir, "make", "build")
			if got := output(t, tt.dir, "bin/reverse-proxy", "--version"); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}
