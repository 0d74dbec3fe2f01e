package admin

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// table lays out rows of printable cells in columns, two spaces apart. A column whose header begins with `>` is
// right-aligned, as numbers are. Without a header it is a list of names and values.
type table struct {
	header []string
	rows   [][]string
	// columns is the width into which the table has to fit; 0 for any.
	columns int
	// expendable names the columns that are left out if the table is too wide, in this order.
	expendable []string
	// openEnd reports whether the last column is free text, which the edge of the screen may cut.
	openEnd bool
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

// write writes the table, after an empty line if b is not empty. A table with a header and no rows is left out.
func (t *table) write(b *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	t.fit()
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

// fit makes the table fit into its columns: it leaves the expendable ones out, and then clips the first one, which holds names.
// It never cuts a number or a time.
func (t *table) fit() {
	if t.columns <= 0 || t.header == nil {
		return
	}
	for _, name := range t.expendable {
		if t.width() <= t.columns {
			return
		}
		if i := slices.Index(t.header, name); i >= 0 {
			t.header = slices.Delete(slices.Clone(t.header), i, i+1)
			for r, row := range t.rows {
				if i < len(row) {
					t.rows[r] = slices.Delete(slices.Clone(row), i, i+1)
				}
			}
		}
	}
	if over := t.width() - t.columns; over > 0 {
		room := max(t.columnWidth(0)-over, minNameColumns)
		for r, row := range t.rows {
			if name := []rune(row[0]); len(name) > room {
				row = slices.Clone(row)
				row[0] = string(name[:room-len("...")]) + "..."
				t.rows[r] = row
			}
		}
	}
}

// minNameColumns is the smallest width of a clipped name.
const minNameColumns = 12

// width returns the width of the widest row, ignoring what an open end holds beyond its header.
func (t *table) width() int {
	total := 0
	for i := range t.header {
		if t.openEnd && i == len(t.header)-1 {
			total += len(t.header[i]) + 2
		} else {
			total += t.columnWidth(i) + 2
		}
	}
	return total - 2
}

// columnWidth returns the width of the widest cell in a column.
func (t *table) columnWidth(i int) int {
	width := utf8.RuneCountInString(strings.TrimPrefix(t.header[i], ">"))
	for _, row := range t.rows {
		if i < len(row) {
			width = max(width, utf8.RuneCountInString(row[i]))
		}
	}
	return width
}

// writeRow writes one row without trailing spaces.
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
