package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"reverse-proxy/proxy/wording"
)

// suggest says what was probably meant by name, a key that does not exist in the table: a key with nearly the same
// spelling, else the table that has a key of that name, else all keys of this table.
func (f *filler) suggest(name string, table reflect.Type) string {
	var known []string
	for _, field := range rawFields(table) {
		known = append(known, field.Tag.Get("toml"))
	}
	if near, ok := wording.Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if places := f.places[name]; len(places) > 0 {
		return fmt.Sprintf("%q belongs %s", name, strings.Join(places, " or "))
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// keyPlaces maps every key of the configuration to descriptions of the tables that have it.
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
			case isHeaderRules(field.Type):
				walk(reflect.TypeFor[rawHeaderTable](), inner, "in ["+inner+"]")
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
