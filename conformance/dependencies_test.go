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
	toolPackage   = regexp.MustCompile(`(?m)^(?:tool |\t)(\S+\.\S+/\S+)$`)
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
	// The packaging tool, grpc-go, oauth2-proxy and Connect have modules of their own.
	mod := read("go.mod") + read("deploy", "packages", "nfpm", "go.mod") + read("conformance", "grpc", "go.mod") +
		read("conformance", "oauth2proxy", "go.mod") + read("conformance", "connect", "go.mod")
	wanted, modules := map[string]bool{}, []string{}
	for _, match := range requirement.FindAllStringSubmatch(mod, -1) {
		modules = append(modules, match[1])
		if match[2] == "" {
			wanted[match[1]] = true
		}
	}
	for _, match := range toolPackage.FindAllStringSubmatch(mod, -1) {
		for _, module := range modules {
			if strings.HasPrefix(match[1]+"/", module+"/") {
				wanted[module] = true
			}
		}
	}
	documented := map[string]bool{}
	text, _, _ := strings.Cut(read("docs", "dependencies.md"), "\n## Programs\n")
	for _, match := range dependencyRow.FindAllStringSubmatch(text, -1) {
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

func TestEveryDebianPackageIsDocumented(t *testing.T) {
	root := projectRoot(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, programs, _ := strings.Cut(string(text), "\n## Programs\n")
	deps := regexp.MustCompile(`(?m)^DEPS := ((?:.*\\\n)*.*)$`).FindStringSubmatch(string(makefile))
	if deps == nil {
		t.Fatal("got no DEPS in the Makefile, want the list of packages")
	}
	for entry := range strings.FieldsSeq(strings.ReplaceAll(deps[1], "\\\n", " ")) {
		name, _, _ := strings.Cut(entry, ":")
		if !strings.Contains(programs, "`"+name+"`") {
			t.Errorf("docs/dependencies.md: got nothing about the package %s of the Makefile, want what it is for", name)
		}
	}
}
