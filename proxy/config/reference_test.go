package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reverse-proxy/proxy/config/configtest"
)

// referenceText returns configtest.EveryKey, which sets every key, with the line of one key replaced. "" removes the
// line.
func referenceText(t *testing.T, table Table, key Key, line string) string {
	t.Helper()
	here, all := "", configtest.EveryKey
	if table.Path == "expect" {
		all += configtest.EveryExpectKey
	}
	lines := strings.SplitAfter(all, "\n")
	for i, text := range lines {
		if strings.HasPrefix(text, "[") {
			here = strings.Trim(text, "[]\n")
		}
		if here == table.Path && strings.HasPrefix(text, key.Name+" = ") {
			lines[i] = line
			return strings.Join(lines, "")
		}
	}
	t.Fatalf("%s: not in configtest.EveryKey, which must have every key", ChildKey(table.Path, key.Name))
	return ""
}

// forEachKey runs test for every key of the reference. load parses configtest.EveryKey with another value of the key;
// "" leaves the key out.
func forEachKey(t *testing.T, test func(t *testing.T, key Key, path string, load func(value string) (*Config, []string))) {
	t.Helper()
	dir := configtest.CertificateDir(t)
	env := configEnvironment()
	env.DescriptorLimit = func() uint64 { return 1 << 32 }
	for _, table := range Reference() {
		for _, key := range table.Keys {
			path := ChildKey(table.Path, key.Name)
			t.Run(path, func(t *testing.T) {
				test(t, key, path, func(value string) (*Config, []string) {
					line := ""
					if value != "" {
						line = key.Name + " = " + value + "\n"
					}
					text := strings.ReplaceAll(referenceText(t, table, key, line), "DIR", dir)
					cfg, err := FromBytes(filepath.Join(dir, "config.toml"), []byte(text), false, env)
					if cfg != nil {
						cfg.Hash, cfg.Text = "", nil
					}
					return cfg, configErrorLines(t, dir, err)
				})
			})
		}
	}
}

// refuses reports whether there is exactly one error, about the key.
func refuses(lines []string, path string) bool {
	if len(lines) != 1 {
		return false
	}
	key, _, _ := strings.Cut(lines[0], ": ")
	return tableName(key) == path
}

// rawTables lists the tables of a raw type with the types of their keys, in the form of the reference.
func rawTables(raw reflect.Type, path string, isArray bool) []Table {
	types := map[reflect.Kind]string{reflect.Bool: booleanKey, reflect.Int64: integerKey, reflect.Float64: numberKey, reflect.String: stringKey}
	table := Table{Path: path, IsArray: isArray}
	var inner []Table
	for _, field := range rawFields(raw) {
		name := field.Tag.Get("toml")
		switch field.Type.Kind() {
		case reflect.Map:
			if isHeaderRules(field.Type) {
				inner = append(inner, rawTables(reflect.TypeFor[rawHeaderTable](), ChildKey(path, name), false)...)
				continue
			}
			table.Keys = append(table.Keys, Key{Name: name, Type: tableKey})
		case reflect.Struct:
			if field.Type == reflect.TypeFor[oneOrMore]() {
				table.Keys = append(table.Keys, Key{Name: name, Type: eitherKey})
				continue
			}
			inner = append(inner, rawTables(field.Type, ChildKey(path, name), false)...)
		case reflect.Slice:
			if field.Type.Elem().Kind() == reflect.Struct {
				inner = append(inner, rawTables(field.Type.Elem(), ChildKey(path, name), true)...)
				continue
			}
			table.Keys = append(table.Keys, Key{Name: name, Type: stringsKey})
		default:
			if field.Type.Elem().Kind() == reflect.Struct {
				inner = append(inner, rawTables(field.Type.Elem(), ChildKey(path, name), false)...)
				continue
			}
			table.Keys = append(table.Keys, Key{Name: name, Type: types[field.Type.Elem().Kind()]})
		}
	}
	return append([]Table{table}, inner...)
}

func TestTheReferenceHasEveryKeyWithItsTypeAndNoOther(t *testing.T) {
	var got []Table
	for _, table := range Reference() {
		known := Table{Path: table.Path, IsArray: table.IsArray}
		for _, key := range table.Keys {
			known.Keys = append(known.Keys, Key{Name: key.Name, Type: key.Type})
		}
		got = append(got, known)
	}
	if diff := cmp.Diff(rawTables(reflect.TypeFor[rawConfig](), "", false), got); diff != "" {
		t.Errorf("the keys differ (-in the raw types +in the reference):\n%s", diff)
	}
}

func TestAKeyThatIsLeftOutHasTheDefaultOfTheReference(t *testing.T) {
	forEachKey(t, func(t *testing.T, key Key, path string, load func(string) (*Config, []string)) {
		without, lines := load("")
		if key.Default == "" {
			if key.Need == actionKey || key.Need == pathKey {
				return // TestARouteHasOnePathAndOneAction
			}
			switch mustStand := key.Need != unsetKey && key.Need != inheritedKey && key.Need != fileKey; {
			case mustStand && !refuses(lines, path):
				t.Errorf("got %q without the key, want the error that it is missing", lines)
			case !mustStand && lines != nil:
				t.Errorf("got %q without the key, want no error", lines)
			}
			return
		}
		if len(lines) == 1 && strings.Contains(lines[0], "is not writable") && os.Geteuid() != 0 {
			if !strings.Contains(lines[0], key.Default) { // the default is a directory that only root can create
				t.Errorf("got %q without the key, want the default %s in it", lines, key.Default)
			}
			return
		}
		if key.Need != "" || lines != nil {
			t.Fatalf("has a default, and got Need = %q and the errors %q without the key, want neither", key.Need, lines)
		}
		with, lines := load(key.Default)
		if lines != nil {
			t.Fatalf("got %q for the default %s, want no error", lines, key.Default)
		}
		if diff := cmp.Diff(without, with, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
			t.Errorf("%s is not the default (-without the key +with it):\n%s", key.Default, diff)
		}
	})
}

func TestNumbersAreBoundedAsTheReferenceSays(t *testing.T) {
	forEachKey(t, func(t *testing.T, key Key, path string, load func(string) (*Config, []string)) {
		if number := key.Type == integerKey || key.Type == numberKey; number != (key.Min != "") {
			t.Errorf("is of the type %s and got the least value %q, want one only for numbers", key.Type, key.Min)
		}
		for bound, step := range map[string]int64{key.Min: -1, key.Max: 1} {
			if bound == "" {
				continue
			}
			if _, lines := load(bound); lines != nil {
				t.Errorf("got %q for %s, want no error", lines, bound)
			}
			beyond := ""
			if n, err := strconv.ParseInt(bound, 10, 64); err == nil {
				beyond = strconv.FormatInt(n+step, 10)
			} else if f, err := strconv.ParseFloat(bound, 64); err == nil {
				beyond = strconv.FormatFloat(f*(1+float64(step)/100), 'f', -1, 64)
			}
			if _, lines := load(beyond); !refuses(lines, path) {
				t.Errorf("got %q for %s, want one error about the key", lines, beyond)
			}
		}
	})
}

func TestListedValuesAreTakenAndNoOthers(t *testing.T) {
	listed := 0
	forEachKey(t, func(t *testing.T, key Key, path string, load func(string) (*Config, []string)) {
		if key.Values == nil {
			return
		}
		listed++
		for _, value := range key.Values {
			if _, lines := load(strconv.Quote(value)); slices.ContainsFunc(lines, func(line string) bool { return refuses([]string{line}, path) }) {
				t.Errorf("got %q for %q, want no error about the key", lines, value)
			}
			if key.Need != inheritedKey && !strings.Contains(key.Text, "`"+value+"`") {
				t.Errorf("got no `%s` in %q, want every value in the text", value, key.Text)
			}
		}
		if _, lines := load(`"something else"`); !refuses(lines, path) {
			t.Errorf("got %q for something else, want one error about the key", lines)
		}
	})
	if listed < 4 {
		t.Errorf("got %d keys with a list of values, want at least 4", listed)
	}
}

func TestTheTextsOfTheReferenceAreSentencesAboutPromises(t *testing.T) {
	promises, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range Reference() {
		texts := map[string]string{table.Path: table.About}
		for _, key := range table.Keys {
			path := ChildKey(table.Path, key.Name)
			texts[path] = key.Text
			if !strings.Contains(string(promises), "- "+key.Promise+": ") {
				t.Errorf("%s: got the promise %q, want one of docs/promises.md", path, key.Promise)
			}
			if !strings.HasSuffix(key.Text, ".") {
				t.Errorf("%s: got %q, want sentences", path, key.Text)
			}
		}
		for path, text := range texts {
			if strings.ContainsAny(text, "|\n\\*_<") && !strings.Contains(text, "`") || strings.Count(text, "`")%2 != 0 {
				t.Errorf("%s: got %q, want plain text with code in pairs of backticks, because it is rendered as Markdown and as a man page", path, text)
			}
		}
	}
}
