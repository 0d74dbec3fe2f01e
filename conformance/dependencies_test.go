package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	requirement   = regexp.MustCompile(`(?m)^\t(\S+\.\S+/\S+) v\S+( // indirect)?$`)
	toolPackage   = regexp.MustCompile(`(?m)^\t(\S+\.\S+/\S+)$`)
	dependencyRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
)

func TestDependenciesAreDocumented(t *testing.T) {
	read := func(parts ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{projectRoot(t)}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mod := read("go.mod")
	wanted, modules := map[string]bool{}, []string{}
	for _, match := range requirement.FindAllStringSubmatch(mod, -1) {
		modules = append(modules, match[1])
		if match[2] == "" {
			wanted[match[1]] = true
		}
	}
	for _, match := range toolPackage.FindAllStringSubmatch(mod, -1) {
		for _, module := range modules {
			if strings.HasPrefix(match[1], module+"/") {
				wanted[module] = true
			}
		}
	}
	documented := map[string]bool{}
	for _, match := range dependencyRow.FindAllStringSubmatch(read("docs", "dependencies.md"), -1) {
		documented[match[1]] = true
	}
	for module := range wanted {
		if !documented[module] {
			t.Errorf("docs/dependencies.md: got no row for %s of go.mod, want one", module)
		}
	}
	for module := range documented {
		if !wanted[module] {
			t.Errorf("docs/dependencies.md: got a row for %s, want only what go.mod requires directly or as a tool", module)
		}
	}
	if len(wanted) == 0 {
		t.Error("got no module in go.mod, want some")
	}
}
