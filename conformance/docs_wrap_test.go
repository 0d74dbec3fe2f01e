package conformance_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// proseColumns is the width at which the documents are wrapped.
const proseColumns = 100

var (
	// itemMark matches what begins a line and cannot be separated from the text after it.
	itemMark = regexp.MustCompile(`^\s*(?:[-*+>]|#+|\d+\.)?\s*`)
	codeSpan = regexp.MustCompile("`[^`]*`")
)

// wrappedDocuments returns the texts of README.md, CHANGELOG.md and docs/ by name.
func wrappedDocuments(t *testing.T) map[string]string {
	t.Helper()
	texts := documents(t)
	for _, name := range []string{"docs/performance.md", "CHANGELOG.md"} {
		texts[name] = readDocument(t, filepath.Join(projectRoot(t), filepath.FromSlash(name)))
	}
	return texts
}

// TestTheDocumentsAreWrapped keeps the prose of README.md, CHANGELOG.md and docs/ within 100 columns. The lines of
// docs/promises.md that are promises are exempt, as readPromises reads one a line.
func TestTheDocumentsAreWrapped(t *testing.T) {
	for name, text := range wrappedDocuments(t) {
		for _, line := range overlongProse(text) {
			if name != "promises.md" || !promiseLine.MatchString(line) {
				t.Errorf("%s: got %d columns, want %d at most: %s", name, utf8.RuneCountInString(line), proseColumns, line)
			}
		}
	}
}

// TestEveryRowOfATableIsOneLine finds rows that were wrapped, which end their table.
func TestEveryRowOfATableIsOneLine(t *testing.T) {
	for name, text := range wrappedDocuments(t) {
		code := false
		for line := range strings.Lines(text) {
			trimmed := strings.TrimSpace(line)
			if strings.HasPrefix(trimmed, "```") {
				code = !code
			}
			if !code && strings.HasPrefix(trimmed, "|") && !strings.HasSuffix(trimmed, "|") {
				t.Errorf("%s: got the row %q without an end; write it on one line", name, trimmed)
			}
		}
	}
}

// overlongProse returns the lines of a document that are longer than proseColumns, except for code blocks, tables,
// headings, and lines without a space at which they could be broken.
func overlongProse(text string) []string {
	var long []string
	code := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			code = !code
		case code, strings.HasPrefix(trimmed, "|"), strings.HasPrefix(trimmed, "#"):
		case utf8.RuneCountInString(line) > proseColumns && breakable(line):
			long = append(long, line)
		}
	}
	return long
}

// breakable reports whether a line has a space at which it can be broken: one after the mark of a list item, and outside
// of code spans.
func breakable(line string) bool {
	text := strings.TrimPrefix(line, itemMark.FindString(line))
	return strings.Contains(strings.TrimSpace(codeSpan.ReplaceAllString(text, "code")), " ")
}

func TestOverlongProse(t *testing.T) {
	wide := strings.Repeat("x", 60)
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"a line of 100 columns passes", strings.Repeat("é ", 49) + "éé\n", nil},
		{"a line of 101 columns is reported", strings.Repeat("é ", 50) + "é\n", []string{strings.Repeat("é ", 50) + "é"}},
		{"an item of a list is reported", "- " + wide + " " + wide + "\n", []string{"- " + wide + " " + wide}},
		{"a line of a quotation is reported", "> " + wide + " " + wide + "\n", []string{"> " + wide + " " + wide}},
		{"a line of a code block passes", "```console\n" + wide + " " + wide + "\n```\n", nil},
		{"a line of an indented code block passes", "- x\n\n  ```toml\n  " + wide + " " + wide + "\n  ```\n", nil},
		{"a line after a code block is reported", "```\n```\n" + wide + " " + wide + "\n", []string{wide + " " + wide}},
		{"a row of a table passes", "| " + wide + " | " + wide + " |\n", nil},
		{"a row of an indented table passes", "  | " + wide + " | " + wide + " |\n", nil},
		{"a heading passes", "## " + wide + " " + wide + "\n", nil},
		{"a link that cannot be broken passes", "[" + wide + "](" + wide + "),\n", nil},
		{"an item that is one link passes", "- [" + wide + "](" + wide + ")\n", nil},
		{"a line that is one code span passes", "  (`" + wide + " " + wide + "`):\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := overlongProse(test.text); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
