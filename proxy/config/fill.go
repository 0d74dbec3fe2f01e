package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// fillConfig copies the generic tree of a TOML file into raw, and adds every unknown key and every value of the wrong
// type to the problems.
func fillConfig(raw *rawConfig, tree map[string]any, problems *configProblems) {
	f := filler{problems: problems, places: keyPlaces(reflect.TypeFor[rawConfig]()), keys: map[reflect.Type]map[string][]int{}}
	f.fillStruct(reflect.ValueOf(raw).Elem(), tree, "")
}

// filler is the state of one fillConfig.
type filler struct {
	problems *configProblems
	// places lists for every key name the tables in which it exists, for suggestions.
	places map[string][]string
	// keys caches the results of keysOf: a file may have thousands of tables of the same type.
	keys map[reflect.Type]map[string][]int
}

// keysOf maps the keys of a raw struct to the indexes of its fields.
func (f *filler) keysOf(table reflect.Type) map[string][]int {
	keys, known := f.keys[table]
	if !known {
		keys = map[string][]int{}
		for _, field := range rawFields(table) {
			keys[field.Tag.Get("toml")] = field.Index
		}
		f.keys[table] = keys
	}
	return keys
}

// fillStruct fills the struct from the table at path. Keys match their `toml` tags exactly.
func (f *filler) fillStruct(target reflect.Value, table map[string]any, path string) {
	fields := f.keysOf(target.Type())
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := ChildKey(path, name)
		if index, known := fields[name]; known {
			f.fillValue(target.FieldByIndex(index), table[name], key)
		} else {
			f.problems.add(key, "unknown key; %s", f.suggest(name, target.Type()))
		}
	}
}

// fillValue fills one field of a raw struct from a value of the tree, by the field's type.
func (f *filler) fillValue(target reflect.Value, value any, key string) {
	switch target := target.Addr().Interface().(type) {
	case *oneOrMore:
		f.fillOneOrMore(target, value, key)
		return
	case *rawRequestHeaders:
		*target = f.fillHeaders(headers.Request, value, key)
		return
	case *rawResponseHeaders:
		*target = f.fillHeaders(headers.Response, value, key)
		return
	}
	switch target.Kind() {
	case reflect.Pointer:
		if target.Type().Elem().Kind() != reflect.Struct {
			f.fillScalar(target, value, key)
			return
		}
		target.Set(reflect.New(target.Type().Elem()))
		f.fillValue(target.Elem(), value, key)
	case reflect.Struct:
		if table, ok := f.table(value, key); ok {
			f.fillStruct(target, table, key)
		}
	case reflect.Map:
		if table, ok := f.table(value, key); ok {
			f.fillMap(target, table, key)
		}
	case reflect.Slice:
		f.fillSlice(target, value, key)
	default:
		panic("proxy: a raw configuration type has a field of kind " + target.Kind().String())
	}
}

// table returns a value that has to be a table.
func (f *filler) table(value any, key string) (map[string]any, bool) {
	table, ok := value.(map[string]any)
	if !ok {
		header := "[" + tableName(key) + "]"
		if strings.HasSuffix(key, "]") {
			header = "[" + header + "]"
		}
		f.problems.addFault(key, "is %s; a table is needed, as in %s", describe(value), header)
	}
	return table, ok
}

// fillMap fills a table whose keys are chosen by the file and whose values are strings.
func (f *filler) fillMap(target reflect.Value, table map[string]any, path string) {
	entries := make(map[string]string, len(table))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if text, ok := table[name].(string); ok {
			entries[name] = text
		} else {
			f.problems.addFault(ChildKey(path, name), "is %s; a string is needed, in quotes", describe(table[name]))
		}
	}
	target.Set(reflect.ValueOf(entries))
}

// fillOneOrMore fills a key that takes a string or an array of strings.
func (f *filler) fillOneOrMore(target *oneOrMore, value any, key string) {
	switch value := value.(type) {
	case string:
		target.values = []string{value}
	case []any:
		target.isArray = true
		f.fillSlice(reflect.ValueOf(&target.values).Elem(), value, key)
	default:
		f.problems.addFault(key, "is %s; a string in quotes or an array of strings is needed", describe(value))
	}
}

// fillSlice fills an array of tables or of strings, or one of upstreams, which may be either.
func (f *filler) fillSlice(target reflect.Value, value any, key string) {
	elements := reflect.ValueOf(value)
	if elements.Kind() != reflect.Slice {
		need := "an array of strings is needed, as in [\"a.example\"]"
		if target.Type().Elem().Kind() == reflect.Struct {
			need = fmt.Sprintf("an array of tables is needed, as in [[%s]]", tableName(key))
		}
		if target.Type().Elem() == reflect.TypeFor[rawUpstream]() {
			need = `an array is needed, as in ["127.0.0.1:3000", "127.0.0.1:3001"]`
		}
		f.problems.addFault(key, "is %s; %s", describe(value), need)
		return
	}
	target.Set(reflect.MakeSlice(target.Type(), elements.Len(), elements.Len()))
	for i := range elements.Len() {
		element := elements.Index(i).Interface()
		if upstream, ok := target.Index(i).Addr().Interface().(*rawUpstream); ok {
			if address, ok := element.(string); ok {
				upstream.Address = &address
				continue
			}
		}
		if target.Index(i).Kind() == reflect.Struct {
			f.fillValue(target.Index(i), element, IndexKey(key, i))
			continue
		}
		if text, ok := element.(string); ok {
			target.Index(i).SetString(text)
			continue
		}
		f.problems.addFault(IndexKey(key, i), "is %s; a string is needed, in quotes", describe(element))
	}
}

// fillScalar fills a pointer field. An integer is accepted for a float; no other type is converted.
func (f *filler) fillScalar(target reflect.Value, value any, key string) {
	if number, ok := value.(int64); ok && target.Type().Elem().Kind() == reflect.Float64 {
		value = float64(number)
	}
	if reflect.TypeOf(value) == target.Type().Elem() {
		target.Set(reflect.New(target.Type().Elem()))
		target.Elem().Set(reflect.ValueOf(value))
		return
	}
	need := neededScalar(target.Type().Elem().Kind())
	if _, several := value.([]any); several {
		need += forSeveral(key)
	}
	f.problems.addFault(key, "is %s; %s", describe(value), need)
}

// forSeveral says which other key takes several values; "" if there is none.
func forSeveral(key string) string {
	switch {
	case strings.HasSuffix(key, ".upstream"):
		return "; write several into upstreams"
	case strings.HasSuffix(key, ".host"):
		return "; write the other names into aliases"
	}
	return ""
}

// neededScalar says what values a key of the kind takes.
func neededScalar(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false is needed, without quotes"
	case reflect.Int64:
		return "a whole number is needed, without quotes"
	case reflect.Float64:
		return "a number is needed, without quotes"
	default:
		return "a string is needed, in quotes"
	}
}

// describe names the TOML type of a value, and quotes the value if it is short.
func describe(value any) string {
	switch value := value.(type) {
	case string:
		return "the string " + wording.Quoted(value)
	case int64:
		return "the number " + strconv.FormatInt(value, 10)
	case float64:
		return "the fraction " + strconv.FormatFloat(value, 'g', -1, 64)
	case bool:
		return "the boolean " + strconv.FormatBool(value)
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	default:
		return "an array"
	}
}
