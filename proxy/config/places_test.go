package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// linesOf returns the lines of all places.
func linesOf(found places) map[string]int {
	lines := make(map[string]int, len(found))
	for key, at := range found {
		lines[key] = at.line
	}
	return lines
}

func TestPlacesOfKeysInEveryFormThatTOMLHas(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]int
	}{
		{"a comment has no place", "# only a comment", map[string]int{}},
		{"keys are found between comments", "a = 1 # b = 2\n\n# [t]\n  b=2\r\nc = 3", map[string]int{"a": 1, "b": 4, "c": 5}},
		{"tables are found", "a = 1\n[t]\nb = 2\n[ t . u ]\nc = 3\n", map[string]int{"a": 1, "t": 2, "t.b": 3, "t.u": 4, "t.u.c": 5}},
		{"a table needs no header of its own", "\n[t.u]\na = 1\n", map[string]int{"t": 2, "t.u": 2, "t.u.a": 3}},
		{"a table may have its header after one below it", "[t.u]\na = 1\n[t]\nb = 1\n", map[string]int{"t": 3, "t.u": 1, "t.u.a": 2, "t.b": 4}},
		{"dotted keys are found", "a . b.c = 1\na.d = 2\n", map[string]int{"a": 1, "a.b": 1, "a.b.c": 1, "a.d": 2}},
		{"arrays of tables are counted", "[[l]]\na = 1\n[l.t]\nm = 1\n[[l.s]]\nh = 1\n[[l.s]]\nh = 2\n[[l.s.r]]\np = 1\n[[l]]\n[[l.s]]\nh = 3\n", map[string]int{
			"l": 1, "l[0]": 1, "l[0].a": 2, "l[0].t": 3, "l[0].t.m": 4, "l[0].s": 5, "l[0].s[0]": 5, "l[0].s[0].h": 6, "l[0].s[1]": 7, "l[0].s[1].h": 8,
			"l[0].s[1].r": 9, "l[0].s[1].r[0]": 9, "l[0].s[1].r[0].p": 10, "l[1]": 11, "l[1].s": 12, "l[1].s[0]": 12, "l[1].s[0].h": 13}},
		{"inline tables in an array are counted", "s = [{h = 1, u.v = 2}, # ]\n  {h = 3},\n\n  # {\n  {h = \"}\"}]\nz = 1\n", map[string]int{
			"s": 1, "s[0]": 1, "s[0].h": 1, "s[0].u": 1, "s[0].u.v": 1, "s[1]": 2, "s[1].h": 2, "s[2]": 5, "s[2].h": 5, "z": 6}},
		{"arrays may have several lines", "a = [\n1, [2,\n3],\n]\nb = []\nc = {}\nd = 1\n", map[string]int{
			"a": 1, "a[0]": 2, "a[1]": 2, "a[1][0]": 2, "a[1][1]": 3, "b": 5, "c": 6, "d": 7}},
		{"strings may hold anything", "a = \"\\\"#\\\\\"\nb = '\\'\nc = \"\"\"\n[x]\ny = 1\\\"\"\"\"\"\"\nd = '''\n# '' '''\ne = \"\"\nf = ''\ng = 1\n", map[string]int{
			"a": 1, "b": 2, "c": 3, "d": 6, "e": 8, "f": 9, "g": 10}},
		{"keys may be in quotes", "\"a.b\" = 1\n'c d'.\"e\\u00e9\\x41\\n\" = 2\n[\"t]\".u]\n\"\" = 3\n", map[string]int{
			`"a.b"`: 1, `"c d"`: 2, `"c d"."eéA\n"`: 2, `"t]"`: 3, `"t]".u`: 3, `"t]".u.""`: 4}},
		{"dates and numbers are skipped", "a = 1979-05-27 07:32:00\nb = [1.5, -inf, 0x1F, true]\nc = 07:32:00.5 # x\nd = 1", map[string]int{
			"a": 1, "b": 2, "b[0]": 2, "b[1]": 2, "b[2]": 2, "b[3]": 2, "c": 3, "d": 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, linesOf(findPlaces([]byte(c.text)))); diff != "" {
				t.Errorf("the lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

// keysOf adds the keys of a decoded value to keys: those of tables, and those of the elements of arrays.
func keysOf(keys map[string]bool, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			keys[ChildKey(path, name)] = true
			keysOf(keys, ChildKey(path, name), inner)
		}
	case []map[string]any:
		for i, inner := range value {
			keys[IndexKey(path, i)] = true
			keysOf(keys, IndexKey(path, i), inner)
		}
	case []any:
		for i, inner := range value {
			keys[IndexKey(path, i)] = true
			keysOf(keys, IndexKey(path, i), inner)
		}
	}
}

// checkPlaces compares the keys that have places with those of the TOML parser.
func checkPlaces(t *testing.T, text string) {
	t.Helper()
	found := findPlaces([]byte(text))
	if checkText([]byte(text)) != nil {
		return
	}
	tree, err := DecodeTOML([]byte(text))
	if err != nil {
		return
	}
	keys := map[string]bool{}
	keysOf(keys, "", tree)
	for key := range keys {
		at, ok := found[key]
		switch {
		case !ok:
			t.Errorf("%s: got no place, want one, in\n%s", key, text)
		case at.line != 1+strings.Count(text[:at.offset], "\n"):
			t.Errorf("%s: got the line %d and the offset %d, which do not fit, in\n%s", key, at.line, at.offset, text)
		}
	}
	for key := range found {
		if !keys[key] {
			t.Errorf("%s: got a place of a key that the file does not have, in\n%s", key, text)
		}
	}
}

// generatedFile writes random TOML and records the lines of its keys.
type generatedFile struct {
	random *rand.Rand
	text   strings.Builder
	want   map[string]int
	names  int
}

func (g *generatedFile) line() int { return 1 + strings.Count(g.text.String(), "\n") }

func (g *generatedFile) pick(texts ...string) string { return texts[g.random.IntN(len(texts))] }

// name returns a new name, and its spelling in the file.
func (g *generatedFile) name() (name, spelled string) {
	g.names++
	name = fmt.Sprintf("k%d", g.names)
	return name, g.pick(name, `"`+name+`"`, "'"+name+"'", `"\u006b`+name[1:]+`"`)
}

// filler writes something that may occur between two statements.
func (g *generatedFile) filler() {
	g.text.WriteString(g.pick("", "", "\n", "  # [x] a = \"\n", "\t\r\n# '''\n"))
}

// scalar writes a value that is neither an array nor a table.
func (g *generatedFile) scalar() {
	g.text.WriteString(g.pick("1", "-1.5e3", "true", "1979-05-27 07:32:00", "07:32:00", `"x = [ # \" '"`, `'a\'`, "\"\"\"\na = 1\n[t]\n\\\"\"\"\\\n \"\"\"\"\"", "'''\n[[x]]\n''a''''"))
}

// value writes the value of the key. If inline is set, it writes no line ends, which inline tables cannot have.
func (g *generatedFile) value(key string, depth int, inline bool) {
	space := func() {
		if inline {
			g.text.WriteString(g.pick("", " ", "\t"))
		} else {
			g.text.WriteString(g.pick("", " ", "\n", " # ]}\n"))
		}
	}
	switch kind := g.random.IntN(4); {
	case depth > 0 && kind == 0:
		g.text.WriteString("[")
		for i := range g.random.IntN(4) {
			space()
			g.want[IndexKey(key, i)] = g.line()
			g.value(IndexKey(key, i), depth-1, inline)
			space()
			g.text.WriteString(",")
		}
		space()
		g.text.WriteString("]")
	case depth > 0 && kind == 1:
		g.text.WriteString("{")
		for i := range g.random.IntN(4) {
			if i > 0 {
				g.text.WriteString(", ")
			}
			g.keyValue(key, depth-1, true)
		}
		g.text.WriteString("}")
	default:
		if inline {
			g.text.WriteString(g.pick("1", "true", `"},{"`, `'{'`, "07:32:00"))
		} else {
			g.scalar()
		}
	}
}

// keyValue writes a key, which may be dotted, and its value.
func (g *generatedFile) keyValue(table string, depth int, inline bool) {
	line := g.line()
	name, spelled := g.name()
	key := ChildKey(table, name)
	g.want[key] = line
	for range g.random.IntN(3) {
		name, more := g.name()
		key, spelled = ChildKey(key, name), spelled+g.pick(".", " . ")+more
		g.want[key] = line
	}
	g.text.WriteString(spelled + g.pick("=", " = "))
	g.value(key, depth, inline)
}

// body writes the statements of a table.
func (g *generatedFile) body(table string) {
	for range g.random.IntN(4) {
		g.filler()
		g.text.WriteString(g.pick("", "  "))
		g.keyValue(table, 3, false)
		g.text.WriteString(g.pick("\n", " # c\n", "\r\n"))
	}
}

// tables writes tables and arrays of tables below the one at path. spelled is the spelling of path in headers.
func (g *generatedFile) tables(path, header string, depth int) {
	for range g.random.IntN(3) {
		name, spelled := g.name()
		key, inner := ChildKey(path, name), spelled
		if header != "" {
			inner = header + g.pick(".", " . ") + spelled
		}
		elements := 0
		if g.random.IntN(2) == 0 {
			elements = 1 + g.random.IntN(3)
		}
		for i := range max(elements, 1) {
			g.filler()
			line, here := g.line(), key
			if elements > 0 {
				here = IndexKey(key, i)
				g.text.WriteString("[[" + inner + "]]\n")
			} else {
				g.text.WriteString("[" + inner + "]\n")
			}
			if i == 0 {
				g.want[key] = line
			}
			g.want[here] = line
			g.body(here)
			if depth > 0 {
				g.tables(here, inner, depth-1)
			}
		}
	}
}

func TestPlacesInGeneratedFiles(t *testing.T) {
	for seed := range uint64(600) {
		g := generatedFile{random: rand.New(rand.NewPCG(seed, 1)), want: map[string]int{}}
		g.body("")
		g.tables("", "", 3)
		text := g.text.String()
		if checkNesting([]byte(text)) == nil {
			if _, err := DecodeTOML([]byte(text)); err != nil {
				t.Fatalf("seed %d: the generated file is no TOML: %v\n%s", seed, err, text)
			}
		}
		if diff := cmp.Diff(g.want, linesOf(findPlaces([]byte(text)))); diff != "" {
			t.Fatalf("seed %d: the lines differ (-want +got):\n%s\nin\n%s", seed, diff, text)
		}
		checkPlaces(t, text)
	}
}

func FuzzPlaces(f *testing.F) {
	for _, path := range []string{"../../testdata/config/many_errors.toml", "../../testdata/config/every_key.toml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{configtest.EveryKey, "[[a]]\n[a.b]\nc.d = {e = [{}]}\n[[a.f]]", "\"\\U0001F600\".'' = '''\n'''''", "a = [ # ]\n]", "[", "[[", "=", "a.=[{", "\"\\u", "a = '''"} {
		f.Add(text)
	}
	f.Fuzz(checkPlaces)
}

func TestErrorsNameTheLineAndTheHost(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"a site lacks a key", "[[listeners.sites]]\n\nhost = \"B.example\"\n", `listeners[0].sites[1].upstream (line 15, b.example): missing; `},
		{"a site lacks a host", "[[listeners.sites]]\nupstream = \"x\"\n", `listeners[0].sites[1].upstream (line 16): "x" has no port; `},
		{"a site's host is not a name", "[[listeners.sites]]\nhost = \"a\\nb\"\nupstream = \"x:1\"\n", `listeners[0].sites[1].host (line 16): "a\nb" is not a valid host name`},
		{"an array has several lines", "aliases = [\n  \"b.example\",\n  \"c_c\",\n]\n", `listeners[0].sites[0].aliases[1] (line 17, a.example): "c_c" is not a valid host name`},
		{"a route has a fault", "[[listeners.sites.routes]]\npath = \"/\"\nrespond = 1\n", `listeners[0].sites[0].routes[0].respond (line 17, a.example): 1 is not a response status`},
		{"a listener lacks a table", "[[listeners]]\nbind_addr = \"127.0.0.2\"\n", `listeners[1].tls.mode (line 15): missing; `},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseText(t.TempDir(), configtest.Minimal+c.text)
			lines := locatedErrorLines(t, "\x00", err)
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, c.want) }) {
				t.Errorf("got %q, want one that begins with %q", lines, c.want)
			}
		})
	}
	_, err := parseText(t.TempDir(), "max_connections = 100\n")
	if got, want := locatedErrorLines(t, "\x00", err), []string{"listeners: missing; write at least one [[listeners]] table"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
