package steps

import (
	"regexp"
	"strings"
)

// keyPlace matches what an error of a configuration says after the key: its line, and the host of its site.
var keyPlace = regexp.MustCompile(` \(line \d+(, [^)]+)?\)`)

// containsError reports whether text contains want. An error in want may leave out the place of the key: only scenarios
// about the places themselves depend on the lines of their configuration.
func containsError(text, want string) bool {
	return strings.Contains(text, want) || strings.Contains(keyPlace.ReplaceAllString(text, ""), want)
}
