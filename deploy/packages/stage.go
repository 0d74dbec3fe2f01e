package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// stage puts the files that nfpm.yaml names into a directory: the binary, the files of deploy/, and those made only for
// the packages. Their modes do not depend on the umask with which the sources were checked out.
func (p project) stage(ctx context.Context, r release, binary, stage string) error {
	if err := copyFile(binary, filepath.Join(stage, "bin", program), 0o755); err != nil {
		return err
	}
	deploy := filepath.Join(p.root, "deploy")
	err := filepath.WalkDir(deploy, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(p.root, path)
		if err != nil {
			return err
		}
		if inMan := filepath.Base(filepath.Dir(path)) == "man"; inMan {
			return compressFile(path, filepath.Join(stage, name+".gz"))
		}
		return copyFile(path, filepath.Join(stage, name), 0o644)
	})
	if err != nil {
		return err
	}
	if err := p.stageDocuments(stage); err != nil {
		return err
	}
	notices, err := p.copyright(ctx, binary)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"copyright": notices, "changelog.yaml": changelog(r)} {
		if err := writeFile(filepath.Join(stage, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// changelog returns the changelog of the packaging in nfpm's format; from it nfpm makes those of both kinds of packages. The
// changes of the program are in CHANGELOG.md.
func changelog(r release) string {
	return fmt.Sprintf("- semver: %q\n  date: %s\n  packager: %q\n  deb:\n    urgency: medium\n    distributions: [unstable]\n  changes:\n    - note: %q\n",
		r.version, r.time.Format(time.RFC3339), maintainer, "Built from revision "+r.revision+"; the changes of the program are in changelog.gz.")
}

// copyFile copies a file, and creates the directory of the copy.
func copyFile(from, to string, mode os.FileMode) error {
	contents, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeFile(to, contents, mode)
}

// compressFile is copyFile with gzip, without a name and a time in the header.
func compressFile(from, to string) error {
	contents, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(contents); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return writeFile(to, out.Bytes(), 0o644)
}

// writeFile writes a file with exactly this mode, and creates its directory.
func writeFile(path string, contents []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, contents, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask
}
