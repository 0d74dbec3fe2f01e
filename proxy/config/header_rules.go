package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/wording"
)

// rawRequestHeaders and rawResponseHeaders are the rules of `[request_headers]` and `[response_headers]`, by the
// keys of their fields (headers.Message.Key). Inheritance therefore merges them field by field: for each field, the rule of
// the most specific place applies, whatever its operation (S-19.2).
type (
	rawRequestHeaders  map[string]rawHeaderRule
	rawResponseHeaders map[string]rawHeaderRule
)

// rawHeaderRule is a rule and its key in the file.
type rawHeaderRule struct {
	headers.Rule
	key string
}

// rawHeaderTable is `[request_headers]` or `[response_headers]` as the file has it.
type rawHeaderTable struct {
	Set     map[string]string `toml:"set"`
	Default map[string]string `toml:"default"`
	Remove  []string          `toml:"remove"`
}

// isHeaderRules reports whether a field of a raw struct holds the rules of a rawHeaderTable.
func isHeaderRules(field reflect.Type) bool {
	return field == reflect.TypeFor[rawRequestHeaders]() || field == reflect.TypeFor[rawResponseHeaders]()
}

// list returns the rules of the table at a key, in the order of their keys.
func (t rawHeaderTable) list(key string) []rawHeaderRule {
	var list []rawHeaderRule
	for _, named := range []struct {
		op     headers.Op
		values map[string]string
	}{{headers.Set, t.Set}, {headers.Default, t.Default}} {
		for _, name := range slices.Sorted(maps.Keys(named.values)) {
			rule := headers.Rule{Op: named.op, Name: name, Value: named.values[name]}
			list = append(list, rawHeaderRule{rule, ChildKey(ChildKey(key, named.op.String()), name)})
		}
	}
	for i, name := range t.Remove {
		list = append(list, rawHeaderRule{headers.Rule{Op: headers.Remove, Name: name}, IndexKey(ChildKey(key, headers.Remove.String()), i)})
	}
	return list
}

// fillHeaders checks the rules of a table and returns those that are valid. A field has one rule at each place.
func (f *filler) fillHeaders(m headers.Message, value any, key string) map[string]rawHeaderRule {
	tree, ok := f.table(value, key)
	if !ok {
		return nil
	}
	var table rawHeaderTable
	f.fillStruct(reflect.ValueOf(&table).Elem(), tree, key)
	rules := map[string]rawHeaderRule{}
	for _, rule := range table.list(key) {
		if err := m.Check(rule.Rule); err != nil {
			f.problems.add(rule.key, "%s", err)
			continue
		}
		field := m.Key(rule.Name)
		if other, twice := rules[field]; twice {
			f.problems.add(rule.key, "%s is in %s already; write one rule for each header field, whatever its case", wording.Quoted(rule.Name), other.key)
			continue
		}
		rules[field] = rule
	}
	return rules
}

// headerRules compiles the rules for a kind of message at a place. path is that of their table. Places with equal rules share
// them, as most routes have only what their site or the file sets.
func (v *validator) headerRules(m headers.Message, in inherited, path string, rules map[string]rawHeaderRule) *headers.Rules {
	var list []headers.Rule
	var text strings.Builder
	fmt.Fprintln(&text, m)
	for _, field := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[field].Rule
		rule.Level = in.level(ChildKey(path, field)).String()
		list = append(list, rule)
		fmt.Fprintln(&text, rule.Level, rule)
	}
	same := text.String()
	if known, ok := v.compiledHeaders[same]; ok {
		return known
	}
	compiled, err := headers.Compile(m, list)
	if err != nil {
		v.add(in.key(path), "%s", err)
	}
	if v.compiledHeaders == nil {
		v.compiledHeaders = map[string]*headers.Rules{}
	}
	v.compiledHeaders[same] = compiled
	return compiled
}
