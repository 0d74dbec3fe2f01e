package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// program is the name of the program and of its packages.
const program = "reverse-proxy"

// project is the tree that is packaged.
type project struct{ root string }

// release is what is packaged, apart from the architecture.
type release struct {
	// version is the version of the packages, without a leading v. Versions of later commits sort after those of earlier
	// ones.
	version string
	// revision is the commit, followed by +dirty if the tree has changes; "unknown" without Git.
	revision string
	// time is the time of the commit; it is the only time in the packages.
	time time.Time
}

// versionSyntax is what both kinds of packages accept as a version: rpm forbids hyphens, and deb demands a digit first.
var versionSyntax = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]*$`)

// release determines what is packaged: from Git or, without it, from the caller's arguments.
func (p project) release(ctx context.Context, version, epoch string) (release, error) {
	r := release{version: version, revision: "unknown"}
	_, err := p.git(ctx, "rev-parse", "HEAD")
	isCheckout := err == nil
	switch {
	case isCheckout:
		if err := p.readGit(ctx, &r); err != nil {
			return r, err
		}
	case version == "" || epoch == "":
		return r, errors.New("these sources are not a Git checkout: set VERSION and SOURCE_DATE_EPOCH (seconds since 1970)")
	}
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return r, fmt.Errorf("SOURCE_DATE_EPOCH=%s: must be seconds since 1970", epoch)
		}
		r.time = time.Unix(seconds, 0).UTC()
	}
	if !versionSyntax.MatchString(r.version) {
		return r, fmt.Errorf("version %q: must begin with a digit, and have only letters, digits, and . + ~", r.version)
	}
	return r, nil
}

// readGit sets what Git knows.
func (p project) readGit(ctx context.Context, r *release) error {
	log, err := p.git(ctx, "log", "-1", "--format=%H %ct")
	if err != nil {
		return err
	}
	revision, seconds, _ := strings.Cut(log, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("git log: got %q, want a commit and its time", log)
	}
	r.revision, r.time = revision, time.Unix(unix, 0).UTC()
	changes, err := p.git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changes != "" {
		r.revision += "+dirty"
	}
	if r.version == "" {
		// A tree without tags precedes the first release.
		described, err := p.git(ctx, "describe", "--tags", "--long", "--abbrev=12", "--match", "v[0-9]*")
		if err != nil {
			described = ""
		}
		r.version = versionOf(described, revision, r.time, changes != "")
	}
	return nil
}

// versionOf returns the version of a commit: that of its tag, else that of the tag before it with the commit's time and
// name. described is `tag-commits-gcommit`, as git describe --long prints it, or "" if there is no tag.
func versionOf(described, revision string, at time.Time, dirty bool) string {
	version, commits := "0.0.0", "1"
	if described != "" {
		parts := strings.Split(described, "-")
		tag := strings.Join(parts[:len(parts)-2], "~") // 1.2.0~rc.1 sorts before 1.2.0, as v1.2.0-rc.1 does before v1.2.0
		version, commits = strings.TrimPrefix(tag, "v"), parts[len(parts)-2]
	}
	if commits != "0" || dirty {
		version += "+" + at.Format("20060102150405") + "." + revision[:12]
	}
	if dirty {
		version += ".dirty"
	}
	return version
}

// git runs Git in the project and returns what it prints.
func (p project) git(ctx context.Context, args ...string) (string, error) {
	out, err := command(ctx, p.root, nil, "git", args...)
	return strings.TrimSpace(out), err
}

// command runs a program to its end and returns its output. The error includes the program's own messages.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, complaints.String())
	}
	return string(out), nil
}
