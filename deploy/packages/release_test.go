package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commitTime is the time of the commits in the tests.
var commitTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestVersionOfACommit(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		name, described string
		dirty           bool
		want            string
	}{
		{"a commit without a tag has version 0.0.0", "", false, "0.0.0+20260102030405.0123456789ab"},
		{"a commit without a tag is dirty with changes", "", true, "0.0.0+20260102030405.0123456789ab.dirty"},
		{"a tagged commit has the version of its tag", "v1.2.3-0-g0123456789ab", false, "1.2.3"},
		{"a tagged commit is dirty with changes", "v1.2.3-0-g0123456789ab", true, "1.2.3+20260102030405.0123456789ab.dirty"},
		{"a commit after a tag has a later version", "v1.2.3-14-g0123456789ab", false, "1.2.3+20260102030405.0123456789ab"},
		{"a tag before a release has an earlier version", "v1.2.3-rc.1-0-g0123456789ab", false, "1.2.3~rc.1"},
		{"a commit after such a tag has a version between them", "v1.2.3-rc.1-2-g0123456789ab", false, "1.2.3~rc.1+20260102030405.0123456789ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := versionOf(c.described, revision, commitTime, c.dirty)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !versionSyntax.MatchString(got) {
				t.Errorf("got %q, want what packages take as a version", got)
			}
		})
	}
}

// gitTree makes a checkout with one commit.
func gitTree(t *testing.T) project {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := project{root: dir}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "-m", "all"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.test"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE="+commitTime.Format(time.RFC3339))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return p
}

func TestReleaseOfACheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed; make deps installs it")
	}
	p, ctx := gitTree(t), context.Background()
	r, err := p.release(ctx, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.revision) != 40 || !strings.HasPrefix(r.version, "0.0.0+20260102030405.") || !r.time.Equal(commitTime) {
		t.Errorf("got %+v, want the commit, a version of it, and its time %v", r, commitTime)
	}
	if r, err := p.release(ctx, "9.8.7", "5"); err != nil || r.version != "9.8.7" || r.time.Unix() != 5 {
		t.Errorf("got %+v and %v, want the version and the time that were given", r, err)
	}
	if err := os.WriteFile(filepath.Join(p.root, "another"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := p.release(ctx, "", ""); err != nil || !strings.HasSuffix(r.revision, "+dirty") || !strings.HasSuffix(r.version, ".dirty") {
		t.Errorf("got %+v and %v with a change, want it to be dirty", r, err)
	}
}

func TestReleaseWithoutGitIsWhatIsGiven(t *testing.T) {
	p, ctx := project{root: t.TempDir()}, context.Background()
	r, err := p.release(ctx, "1.2.3", "86400")
	if err != nil || r.version != "1.2.3" || r.revision != "unknown" || !r.time.Equal(time.Unix(86400, 0)) {
		t.Errorf("got %+v and %v, want version and time as given", r, err)
	}
	for _, c := range []struct{ name, version, epoch, want string }{
		{"the version is missing", "", "1", "set VERSION and SOURCE_DATE_EPOCH"},
		{"the time is missing", "1.2.3", "", "set VERSION and SOURCE_DATE_EPOCH"},
		{"the time is invalid", "1.2.3", "yesterday", "SOURCE_DATE_EPOCH=yesterday: must be seconds"},
		{"the version has a hyphen", "1.2.3-4", "1", `version "1.2.3-4": must begin with a digit`},
		{"the version has a v", "v1.2.3", "1", `version "v1.2.3": must begin with a digit`},
		{"the version has a path", "1/../2", "1", `version "1/../2": must begin with a digit`},
	} {
		if _, err := p.release(ctx, c.version, c.epoch); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in the error", c.name, err, c.want)
		}
	}
}

func TestOnlyDirectoriesOfPackagesAreEmptied(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "packages")
	for range 2 {
		if err := emptyDir(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"reverse-proxy_1_amd64.deb", checksumsName} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := emptyDir(dir); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("got %d files, want all 3 untouched", len(entries))
	}
}
