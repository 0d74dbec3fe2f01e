// Command packages builds the release for operators: static binaries for amd64 and arm64, a .deb and an .rpm of each,
// an SBOM for each, and the checksums of all. `make packages` runs it in the project's root.
//
// The result depends only on the commit and the version of Go: the same commit gives the same bytes on every machine,
// at any time, in any directory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packages: "+err.Error())
		os.Exit(1)
	}
}

// run builds the packages of every architecture.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	root := flags.String("root", ".", "the project's root")
	out := flags.String("out", "out/packages", "where the packages go, which is emptied first; from the root")
	version := flags.String("version", "", "the version, without v (default: from the tags of Git and the commit)")
	arches := flags.String("arch", "amd64,arm64", "the architectures, as Go names them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := project{root: *root}
	release, err := p.release(ctx, *version, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	dir := *out
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(*root, dir)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := emptyDir(dir); err != nil {
		return err
	}
	for arch := range strings.SplitSeq(*arches, ",") {
		if err := p.packages(ctx, release, arch, dir); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	return writeChecksums(dir)
}

// emptyDir creates the directory, or removes the results of an earlier run from it. It refuses a directory that holds
// anything else.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), program) && entry.Name() != checksumsName {
			return fmt.Errorf("%s: holds %s, which is not a package; name another directory", dir, entry.Name())
		}
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
