package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHostsAreListedFromAFileThatMayBeInvalid(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"hosts and aliases are sorted, each once", `
nonsense = true
[[listeners]]
[[listeners.sites]]
host = "b.test"
aliases = ["www.b.test", 5]
[[listeners.sites]]
host = "a.test"
[[listeners]]
[[listeners.sites]]
host = "a.test"
[[listeners.sites]]
host = 7
[[listeners.sites]]
host = "esc\u001b[2J"
[[listeners.sites]]
host = "$(touch /tmp/x)"
[[listeners.sites]]
host = "a b"
[[listeners.sites]]
host = "*.apps.test"
`, []string{"*.apps.test", "a.test", "b.test", "www.b.test"}, ""},
		{"inline tables are read", `listeners = [{ sites = [{ host = "a.test" }, { host = "c.test" }] }]`, []string{"a.test", "c.test"}, ""},
		{"values of the wrong type are left out", `listeners = 5`, nil, ""},
		{"sites of the wrong type are left out", `listeners = [{ sites = [5] }]`, nil, ""},
		{"a text that is not TOML is refused", "host = ", nil, "line 1"},
		{"a text that is nested too deeply is refused", "a = " + strings.Repeat("[", 1000), nil, "nested deeper"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.toml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := HostsIn(path)
			if !slices.Equal(got, test.want) || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q and the error %v, want %q and %q", got, err, test.want, test.err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("got %q, want it to name the file first", err)
			}
		})
	}
	if _, err := HostsIn(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing file: want an error")
	}
}
