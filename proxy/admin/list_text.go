package admin

import (
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/wording"
)

// maxListedEntries is the number of entries of a changed list that are shown to people; `--json` has all of them.
const maxListedEntries = 20

// isListKey reports whether the values of a key are lists, joined by commas.
func isListKey(key string) bool {
	return strings.HasSuffix(key, ".acme_domains") || strings.HasSuffix(key, ".certificates") || key == "aliases" || key == "routes"
}

// listChangeText describes what was added to a list and removed from it. Clipping two long lists that differ in one entry
// could give the same text.
func listChangeText(old, next []string) string {
	var parts []string
	for _, side := range []struct {
		verb     string
		of, less []string
	}{{"added", next, old}, {"removed", old, next}} {
		known := make(map[string]bool, len(side.less))
		for _, entry := range side.less {
			known[entry] = true
		}
		if only := slices.DeleteFunc(slices.Clone(side.of), func(entry string) bool { return known[entry] }); len(only) > 0 {
			parts = append(parts, side.verb+" "+entriesText(only))
		}
	}
	if len(parts) == 0 {
		return "the same in another order or number"
	}
	return strings.Join(parts, "; ")
}

// entriesText lists entries, and counts those beyond maxListedEntries.
func entriesText(entries []string) string {
	shown := make([]string, 0, maxListedEntries)
	for _, entry := range entries[:min(len(entries), maxListedEntries)] {
		shown = append(shown, wording.Printable(entry))
	}
	text := strings.Join(shown, ", ")
	if more := len(entries) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more, which --json shows", more)
	}
	return text
}
