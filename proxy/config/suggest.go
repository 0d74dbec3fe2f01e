package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// suggest says what was probably meant by the key name, which does not exist in the given table: a key with nearly the
// same spelling, else the table to which the key belongs, else all the keys that exist there.
func (f *filler) suggest(name string, table reflect.Type) string {
	var known []string
	for _, field := range rawFields(table) {
		known = append(known, field.Tag.Get("toml"))
	}
	if near, ok := nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if places := f.places[name]; len(places) > 0 {
		return fmt.Sprintf("%q belongs %s", name, strings.Join(places, " or "))
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// nearest returns the candidate that name is most likely a misspelling of. It allows one edit per three characters of
// the candidate, so that short names match nothing.
func nearest(name string, candidates []string) (string, bool) {
	best, bestDistance := "", -1
	for _, candidate := range candidates {
		allowed := max(len(candidate)/3, 1)
		if len(name) > len(candidate)+allowed || len(candidate) > len(name)+allowed {
			continue
		}
		distance := editDistance(strings.ToLower(name), candidate)
		if distance <= allowed && (bestDistance < 0 || distance < bestDistance) {
			best, bestDistance = candidate, distance
		}
	}
	return best, bestDistance >= 0
}

// editDistance returns the number of bytes to insert, delete, replace, or swap with the next one, to turn a into b (the
// optimal string alignment distance).
func editDistance(a, b string) int {
	// The rows are those of the table of distances between prefixes of a and b: the one being filled, and the two
	// before it.
	var before []int
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// keyPlaces lists for every key of the configuration the tables to which it belongs, in words.
func keyPlaces(top reflect.Type) map[string][]string {
	places := make(map[string][]string)
	var walk func(table reflect.Type, path, where string)
	walk = func(table reflect.Type, path, where string) {
		for _, field := range rawFields(table) {
			name := field.Tag.Get("toml")
			places[name] = append(places[name], where)
			inner := ChildKey(path, name)
			switch {
			case field.Type == reflect.TypeFor[oneOrMore]():
			case field.Type.Kind() == reflect.Struct:
				walk(field.Type, inner, "in ["+inner+"]")
			case field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Struct:
				walk(field.Type.Elem(), inner, "in ["+inner+"]")
			case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
				walk(field.Type.Elem(), inner, "in [["+inner+"]]")
			}
		}
	}
	walk(top, "", "at the top of the file, before the first [table]")
	return places
}

// indices matches the indices of a key's path.
var indices = regexp.MustCompile(`\[\d+\]`)

// tableName returns a key's path as a table's header has it, without indices.
func tableName(key string) string {
	return indices.ReplaceAllString(key, "")
}
