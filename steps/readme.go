package steps

import (
	"fmt"
	"strings"
)

// Vocabulary renders steps/README.md: every sentence that a feature can use, by area.
func Vocabulary() string {
	var out strings.Builder
	out.WriteString(`# The sentences of the acceptance suite

Generated from the code; ` + "`go test ./steps -run TestReadme -update`" + ` regenerates it, and the test fails when it is out of date.
A sentence may begin with Given, When, Then, And or But. In it ` + "`{string}`" + ` stands for a text in double quotes (` + "`\\\"`" + ` for a
quote in it), ` + "`{int}`" + ` for a number, ` + "`{word}`" + ` for one word, ` + "`{rest}`" + ` for all that follows, ` + "`(s)`" + ` for an optional letter. A
sentence that ends in a colon takes a table or a text in triple quotes.

Every scenario begins with one listener on loopback addresses of its own, no site, a health port, an admin socket, the
log level debug, and limits that do not get in the way (1000 requests a second, bodies of 1 MiB). Nothing has to be
cleaned up: at its end every process must stop on SIGTERM with exit code 0 and must have printed no panic and no race.

New sentences: add a method of World to the file of its area (or a new file with a new area in areas.go), and its
sentence to the area's list.

## Variables

They are replaced in every text, table and document.

`)
	for _, v := range variableList {
		fmt.Fprintf(&out, "- `%s`: %s\n", strings.ReplaceAll(v[0], ", ", "`, `"), v[1])
	}
	for _, area := range new(World).areas() {
		fmt.Fprintf(&out, "\n## %s\n\n", area.title)
		for _, step := range area.steps {
			fmt.Fprintf(&out, "- `%s`", step.sentence)
			if step.about != "" {
				fmt.Fprintf(&out, "  \n  %s", step.about)
			}
			out.WriteByte('\n')
		}
	}
	return out.String()
}
