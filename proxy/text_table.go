package proxy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table lays rows of printable cells out in columns, two spaces apart. A column whose header begins with `>` stands at
// its right edge, as numbers do. Without a header it is a list of names and values.
type table struct {
	header []string
	rows   [][]string
	// more counts the rows beyond maxTextRows, which are not kept.
	more int
}

// row adds one row.
func (t *table) row(cells ...string) {
	if len(t.rows) == maxTextRows {
		t.more++
		return
	}
	t.rows = append(t.rows, cells)
}

// write writes the table after an empty line, if b holds something already; a table with a header and no rows is left
// out.
func (t *table) write(b *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	var widths []int
	var right []bool
	all := t.rows
	if t.header != nil {
		header := make([]string, len(t.header))
		for i, name := range t.header {
			header[i] = strings.TrimPrefix(name, ">")
			right = append(right, header[i] != name)
		}
		all = append([][]string{header}, all...)
	}
	for _, row := range all {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range all {
		writeRow(b, row, widths, right)
	}
	if t.more > 0 {
		fmt.Fprintf(b, "and %d more, which --json shows\n", t.more)
	}
}

// writeRow writes one row without spaces at its end.
func writeRow(b *strings.Builder, row []string, widths []int, right []bool) {
	gap := 0
	for i, cell := range row {
		fill := widths[i] - utf8.RuneCountInString(cell)
		if i < len(right) && right[i] {
			gap, fill = gap+fill, 0
		}
		if cell != "" {
			b.WriteString(strings.Repeat(" ", gap))
			b.WriteString(cell)
			gap = 0
		}
		gap += fill + 2
	}
	b.WriteByte('\n')
}
