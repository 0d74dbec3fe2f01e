package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLinksOfPackedDocuments(t *testing.T) {
	packed := map[string]bool{"README.md": true, "docs/log-format.md": true, "docs/apps/gitea.md": true}
	for _, test := range []struct{ name, document, text, want string }{
		{"a document next to it stays linked", "docs/metrics.md", "see [the log](log-format.md#events)", "see [the log](log-format.md#events)"},
		{"a document below stays linked", "README.md", "[Gitea](docs/apps/gitea.md)", "[Gitea](docs/apps/gitea.md)"},
		{"a document above stays linked", "docs/apps/gitea.md", "[the\nlog](../log-format.md)", "[the\nlog](../log-format.md)"},
		{"a heading of the same document stays linked", "README.md", "[below](#below)", "[below](#below)"},
		{"an address on the web stays linked", "README.md", "[Go](https://go.dev/dl)", "[Go](https://go.dev/dl)"},
		{"a licence is in the file of copyrights", "README.md", "[MIT](LICENSE-MIT), [Apache](LICENSE-APACHE)", "[MIT](copyright), [Apache](copyright)"},
		{"a licence linked from below is there too", "docs/apps/gitea.md", "[MIT](../../LICENSE-MIT)", "[MIT](../../copyright)"},
		{"any other file is in the sources only", "README.md", "[steps/README.md](steps/README.md#files): text", "steps/README.md (in the sources): text"},
	} {
		if got := packedLinks(test.document, test.text, packed); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestEveryLinkOfTheStagedDocumentsLeadsSomewhere needs no build, unlike the test in conformance/ that follows the links in the
// packages.
func TestEveryLinkOfTheStagedDocumentsLeadsSomewhere(t *testing.T) {
	stage := t.TempDir()
	if err := (project{root: "../.."}).stageDocuments(stage); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stage, "copyright"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/apps/*.md"} {
		documents, err := filepath.Glob(filepath.Join(stage, pattern))
		if err != nil || len(documents) == 0 {
			t.Fatalf("got %v, %v for %s, want documents", documents, err, pattern)
		}
		for _, document := range documents {
			text, err := os.ReadFile(document)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range link.FindAllStringSubmatch(string(text), -1) {
				file, _, _ := strings.Cut(found[2], "#")
				if file == "" || strings.Contains(file, ":") {
					continue
				}
				links++
				if _, err := os.Stat(filepath.Join(filepath.Dir(document), file)); err != nil {
					t.Errorf("%s: the link to %s leads to no file", filepath.Base(document), file)
				}
			}
		}
	}
	if links < 20 {
		t.Errorf("got %d links, want many more", links)
	}
}

func TestAMissingKindOfDocumentIsAnError(t *testing.T) {
	if err := (project{root: t.TempDir()}).stageDocuments(t.TempDir()); err == nil {
		t.Error("got no error for a project without documents, want one")
	}
}
