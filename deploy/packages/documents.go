package main

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// stageDocuments copies README.md and docs/ with their links, and the changelog for operators, compressed as distributions
// require.
func (p project) stageDocuments(stage string) error {
	packed := map[string]bool{}
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/apps/*.md"} {
		paths, err := filepath.Glob(filepath.Join(p.root, filepath.FromSlash(pattern)))
		if err == nil && len(paths) == 0 {
			err = errors.New(pattern + ": no such document")
		}
		if err != nil {
			return err
		}
		for _, path := range paths {
			name, err := filepath.Rel(p.root, path)
			if err != nil {
				return err
			}
			packed[filepath.ToSlash(name)] = true
		}
	}
	for name := range packed {
		text, err := os.ReadFile(filepath.Join(p.root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(stage, filepath.FromSlash(name)), []byte(packedLinks(name, string(text), packed)), 0o644); err != nil {
			return err
		}
	}
	return compressFile(filepath.Join(p.root, "CHANGELOG.md"), filepath.Join(stage, "changelog.gz"))
}

// link matches a link of Markdown, with its text and its target.
var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)

// packedLinks returns the text of the named document with its links changed for readers of the package. The project's
// licences are in `copyright` there. A link to another file that is not in the package becomes its text.
func packedLinks(name, text string, packed map[string]bool) string {
	return link.ReplaceAllStringFunc(text, func(found string) string {
		parts := link.FindStringSubmatch(found)
		file, _, _ := strings.Cut(parts[2], "#")
		target := path.Join(path.Dir(name), file)
		switch {
		case file == "" || strings.Contains(file, ":") || packed[target]:
			return found
		case slices.Contains(ownLicences[:], target):
			up := strings.Repeat("../", strings.Count(name, "/"))
			return "[" + parts[1] + "](" + up + "copyright)"
		}
		return parts[1] + " (in the sources)"
	})
}
