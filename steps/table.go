package steps

import (
	"fmt"

	"github.com/cucumber/godog"
)

// rows returns a table's texts.
func rows(table *godog.Table) [][]string {
	list := make([][]string, len(table.Rows))
	for i, row := range table.Rows {
		for _, cell := range row.Cells {
			list[i] = append(list[i], cell.Value)
		}
	}
	return list
}

// pairs reads a table with two columns.
func pairs(table *godog.Table) ([][2]string, error) {
	list := make([][2]string, len(table.Rows))
	for i, row := range rows(table) {
		if len(row) != 2 {
			return nil, fmt.Errorf("row %d has %d columns, want 2", i+1, len(row))
		}
		list[i] = [2]string(row)
	}
	return list, nil
}

// pairMap reads a table with two columns in which each name occurs once.
func pairMap(table *godog.Table) (map[string]string, error) {
	list, err := pairs(table)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, pair := range list {
		if _, twice := all[pair[0]]; twice {
			return nil, fmt.Errorf("%q is there twice", pair[0])
		}
		all[pair[0]] = pair[1]
	}
	return all, nil
}
