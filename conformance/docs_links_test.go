package conformance_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	fencedBlock     = regexp.MustCompile("(?ms)^```.*?^```")
)

// TestEveryLinkInTheDocumentsLeadsSomewhere follows the links from one document to another: the file must exist, and
// have the heading that the link names.
func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	root := projectRoot(t)
	documents, err := filepath.Glob(filepath.Join(root, "*", "*.md"))
	below, belowErr := filepath.Glob(filepath.Join(root, "*", "*", "*.md"))
	if err := errors.Join(err, belowErr); err != nil {
		t.Fatal(err)
	}
	if links := followLinks(t, root, append(slices.Concat(documents, below), filepath.Join(root, "README.md"))); links < 20 {
		t.Errorf("found %d links between documents; the expression that finds them has become wrong", links)
	}
}

// followLinks follows the links from the documents at the paths below root to other files, and returns their number.
func followLinks(t *testing.T, root string, paths []string) (links int) {
	t.Helper()
	for _, path := range paths {
		name, _ := filepath.Rel(root, path)
		text := fencedBlock.ReplaceAllString(readDocument(t, path), "")
		for _, match := range markdownLink.FindAllStringSubmatch(text, -1) {
			file, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(file, "://") || strings.HasPrefix(file, "mailto:") {
				continue
			}
			links++
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads to no file", name, match[1])
				continue
			}
			if anchor != "" && !hasHeading(readDocument(t, target), anchor) {
				t.Errorf("%s: the link %s leads to no heading", name, match[1])
			}
		}
	}
	return links
}

func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading reports whether a document has a heading with that anchor, as web forges make them: lower case, spaces as
// hyphens, and otherwise only letters, digits, hyphens and underscores.
func hasHeading(text, anchor string) bool {
	for _, match := range markdownHeading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(match[1]))
		if slug == anchor {
			return true
		}
	}
	return false
}
