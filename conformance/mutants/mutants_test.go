package main

import (
	"errors"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the directory of go.mod.
const root = "../.."

// TestTheListIsNotStale checks that the code contains the text of every edit exactly once, that the edited file can be
// parsed, and that every test named in the list exists.
func TestTheListIsNotStale(t *testing.T) {
	all, err := load(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Errorf("got %d mutants, want at least 100", len(all))
	}
	promises, err := os.ReadFile(filepath.Join(root, "docs", "promises.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{}
	for _, m := range all {
		text, err := m.edited(root)
		if err != nil {
			t.Errorf("%s: %v; change the old text, or remove the mutant if it cannot happen any more", m.Name, err)
		} else if _, err := parser.ParseFile(token.NewFileSet(), m.File, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: the edited file is no Go: %v", m.Name, err)
		}
		if !strings.Contains(string(promises), "- "+m.Promise+":") && !strings.HasPrefix(m.Promise, "S-6, ") {
			t.Errorf("%s: docs/promises.md has no %s", m.Name, m.Promise)
		}
		for _, test := range m.Tests {
			c, err := m.command(root, test)
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			if c.env == nil && !strings.Contains(testFunctions(t, tests, c.args[len(c.args)-1]), functionOf(test)) {
				t.Errorf("%s: there is no test %s", m.Name, test)
			}
		}
	}
}

// functionOf returns the beginning of the declaration of a test's function.
func functionOf(test string) string {
	name := test[strings.LastIndex(test, " ")+1:]
	name, _, _ = strings.Cut(name, "/")
	return "func " + name + "("
}

// testFunctions returns the text of all test files of a directory, and caches it in known.
func testFunctions(t *testing.T, known map[string]string, dir string) string {
	t.Helper()
	if text, ok := known[dir]; ok {
		return text
	}
	paths, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(file)
	}
	known[dir] = text.String()
	return known[dir]
}

func TestVerdict(t *testing.T) {
	exit := exec.Command("false").Run()
	for _, test := range []struct {
		name, output string
		err          error
		want         string
	}{
		{"a test that fails has noticed", "--- FAIL: TestX\nFAIL", exit, ""},
		{"a test that passes has not", "ok", nil, "survived"},
		{"what does not build is no mutant", "FAIL\treverse-proxy/proxy [build failed]", exit, "does not build"},
		{"a name that matches nothing proves nothing", "ok  \tx\t0.1s [no tests to run]", nil, "no such test"},
		{"nor does a filter that picks no scenario", "0 scenarios (0 passed)", exit, "no such test"},
		{"a program that could not be started", "", errors.New("not found"), "not found"},
	} {
		err := verdict([]byte(test.output), test.err)
		if got := ""; err != nil {
			got = err.Error()
			if test.want == "" || !strings.Contains(got, test.want) {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		} else if test.want != "" {
			t.Errorf("%s: got no error, want %q", test.name, test.want)
		}
	}
}

func TestAnEditThatDoesNotFitIsStale(t *testing.T) {
	m := mutant{File: "code.go", Old: "twice", New: "once"}
	dir := t.TempDir()
	for text, stale := range map[string]bool{"twice": false, "twice twice": true, "nothing": true} {
		if err := os.WriteFile(filepath.Join(dir, m.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.edited(dir); errors.Is(err, errStale) != stale {
			t.Errorf("%q: got %v, want stale %v", text, err, stale)
		}
	}
}

// TestAMutantIsTriedInPlaceOfTheFile tries two edits in a module made for the test: one that its test notices, and one
// that it does not.
func TestAMutantIsTriedInPlaceOfTheFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module sample\n\ngo 1.26\n",
		"add.go":      "package sample\n\nfunc add(a, b int) int { return a + b }\n",
		"add_test.go": "package sample\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif add(2, 2) != 4 {\n\t\tt.Fail()\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for replacement, want := range map[string]string{"a - b": "", "a * b": "survived", "a +": "does not build"} {
		m := mutant{File: "add.go", Old: "a + b", New: replacement, Tests: []string{"TestAdd"}}
		err := m.try(dir, t.TempDir())
		if (err == nil) != (want == "") || err != nil && !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %q", replacement, err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "add.go"))
	if err != nil || !strings.Contains(string(text), "a + b") {
		t.Errorf("got the file %q (%v) afterwards, want it untouched", text, err)
	}
}
