package proxy

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documentedKey is a row of the tables in docs/configuration.md.
type documentedKey struct {
	// table is the path of the TOML table that the row's section is about, path that of the key in it.
	table, path    string
	normal, effect string
	typeName       string
}

var (
	// docSection matches a section's heading that names a table, and docRow a row about a key.
	docSection = regexp.MustCompile("^## (?:Top level|`\\[+([a-z_.]+)\\]+`)$")
	docRow     = regexp.MustCompile("^\\| `([a-z_]+)` \\| ([^|]+) \\| ([^|]+) \\| ([^|]+) \\| [^|]+ \\|$")
	// docExample matches a whole configuration.
	docExample = regexp.MustCompile("(?s)\n```toml\n(.*?)\n```\n")
)

// documentation is the text of docs/configuration.md.
func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documentedKeys reads the tables of the documentation.
func documentedKeys(t *testing.T) []documentedKey {
	t.Helper()
	var keys []documentedKey
	table := ""
	for line := range strings.Lines(documentation(t)) {
		line = strings.TrimSuffix(line, "\n")
		if section := docSection.FindStringSubmatch(line); section != nil {
			table = section[1]
		}
		row := docRow.FindStringSubmatch(line)
		if row == nil {
			if strings.HasPrefix(line, "| `") {
				t.Errorf("got the row %q, want five columns: key, type, default, takes effect, what it does", line)
			}
			continue
		}
		keys = append(keys, documentedKey{
			table: table, path: childKey(table, row[1]), typeName: row[2], normal: row[3], effect: row[4],
		})
	}
	return keys
}

// structKeys lists the keys of a raw struct and the tables in it, by their paths, with the words for their types.
func structKeys(table reflect.Type, path string) map[string]string {
	keys := make(map[string]string)
	for i := range table.NumField() {
		field := table.Field(i)
		key := childKey(path, field.Tag.Get("toml"))
		kind := field.Type
		if kind.Kind() == reflect.Slice || kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch {
		case kind.Kind() == reflect.Struct:
			for inner, name := range structKeys(kind, key) {
				keys[inner] = name
			}
		case field.Type.Kind() == reflect.Slice:
			keys[key] = "array of strings"
		default:
			keys[key] = map[reflect.Kind]string{
				reflect.Bool: "boolean", reflect.Int64: "integer", reflect.Float64: "integer or fraction",
				reflect.String: "string",
			}[kind.Kind()]
		}
	}
	return keys
}

func TestTheDocumentationHasEveryKeyWithItsTypeAndNoOther(t *testing.T) {
	want := structKeys(reflect.TypeFor[rawConfig](), "")
	got := make(map[string]string)
	for _, key := range documentedKeys(t) {
		if _, twice := got[key.path]; twice {
			t.Errorf("%s: documented twice", key.path)
		}
		got[key.path], _, _ = strings.Cut(key.typeName, ",")
		if !slices.Contains([]string{"static", "dynamic"}, key.effect) {
			t.Errorf("%s: takes effect %q, want static or dynamic", key.path, key.effect)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the keys differ (-in the code +in the documentation):\n%s", diff)
	}
}

// A key with a default can be written with that default, and nothing changes; one without has none to write.
func TestTheDocumentedDefaultsAreTheDefaults(t *testing.T) {
	dir := t.TempDir()
	bases := map[string]string{
		"":                minimalConfig,
		"logging":         minimalConfig + "[logging]\n",
		"rate_limit":      minimalConfig,
		"listeners":       edited(t, minimalConfig, "http_port = 8080\nhttps_port = 8443\n", ""),
		"listeners.tls":   edited(t, minimalConfig, `mode = "self_signed"`, acmeTLS),
		"listeners.sites": minimalConfig,
	}
	headers := map[string]string{
		"logging": "[logging]\n", "rate_limit": "[rate_limit]\n", "listeners": "[[listeners]]\n",
		"listeners.tls": "[listeners.tls]\n", "listeners.sites": "[[listeners.sites]]\n",
	}
	for _, key := range documentedKeys(t) {
		if !strings.HasPrefix(key.normal, "`") {
			if !strings.HasPrefix(key.normal, "required") && key.normal != "not set" {
				t.Errorf("%s: got the default %q, want one in backticks, \"required\" or \"not set\"", key.path, key.normal)
			}
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(key.path, key.table), ".")
		line := name + " = " + strings.Trim(key.normal, "`") + "\n"
		base := bases[key.table]
		with := line + base
		if key.table != "" {
			with = edited(t, base, headers[key.table], headers[key.table]+line)
		}
		want, err := parseText(dir, base)
		if err != nil {
			t.Fatalf("%s: %v", key.path, err)
		}
		got, err := parseText(dir, with)
		if err != nil {
			t.Errorf("%s: the default %s is refused: %v", key.path, key.normal, err)
			continue
		}
		want.Hash, got.Hash = "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s is not the default (-default +documented):\n%s", key.path, key.normal, diff)
		}
	}
}

func TestTheDocumentedExamplesAreValid(t *testing.T) {
	dir := certificateDir(t)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := docExample.FindAllStringSubmatch(documentation(t)+string(readme), -1)
	if len(examples) < 3 {
		t.Fatalf("got %d examples in the documentation and the README, want at least 3", len(examples))
	}
	// What the examples name on the reader's machine is put into the test's directory.
	here := strings.NewReplacer("/etc/reverse-proxy/wiki.", "DIR/a.", "/etc/reverse-proxy/ci.", "DIR/b.",
		"/var/log/reverse-proxy/", "DIR/", "/var/lib/reverse-proxy/", "DIR/")
	env := configEnvironment()
	env.descriptorLimit = func() uint64 { return 16384 }
	for i, example := range examples {
		text := strings.ReplaceAll(here.Replace(example[1]), "DIR", dir)
		if _, err := configFromBytes("example", []byte(text), false, env); err != nil {
			t.Errorf("example %d of the documentation is refused: %v", i+1, err)
		}
	}
}

func TestTheDocumentedErrorsAreTheRealOnes(t *testing.T) {
	_, err := parseText(t.TempDir(), minimalConfig+"[[listeners.sites]]\nhost = \"b.example\"\nupsteam = \"127.0.0.1:1\"\n")
	for _, line := range configErrorLines(t, "\x00", err) {
		if !strings.Contains(documentation(t), "\n"+line+"\n") {
			t.Errorf("the documentation does not show %q", line)
		}
	}
}
