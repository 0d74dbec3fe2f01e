package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
)

// ruleExample is one example of a rule from testdata/config/rules_*.txt: an edit of configtest.Minimal, and the
// errors that it causes. An accepted edit causes none.
type ruleExample struct {
	rule, name string
	top, end   string
	edits      []string
	want       []string
}

// ruleExamples reads the examples of one file. rules_listeners.txt explains the format.
func ruleExamples(t testing.TB, path string) []ruleExample {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var examples []ruleExample
	before := ""
	for number, line := range strings.Split(string(text), "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		if mark == "==" {
			rule, name, _ := strings.Cut(rest, " ")
			examples = append(examples, ruleExample{rule: rule, name: name})
			before = ""
			continue
		}
		if len(examples) == 0 || line == "" {
			continue
		}
		example := &examples[len(examples)-1]
		last := len(example.edits) - 1
		switch {
		case mark == "^":
			example.top += rest + "\n"
		case mark == "$":
			example.end += rest + "\n"
		case mark == "-" && before == "-":
			example.edits[last-1] += "\n" + rest
		case mark == "-":
			example.edits = append(example.edits, rest, "")
		case mark == "+" && before == "+":
			example.edits[last] += "\n" + rest
		case mark == "+":
			example.edits[last] = rest
		case mark == "!":
			example.want = append(example.want, rest)
		default:
			t.Fatalf("%s:%d: got the mark %q, want one of ^ $ - + !", path, number+1, mark)
		}
		before = mark
	}
	return examples
}

// text returns the example's configuration.
func (e ruleExample) text(t testing.TB) string {
	t.Helper()
	return e.top + configtest.Edited(t, configtest.Minimal, e.edits...) + e.end
}

// ruleDir returns a directory with everything that the examples name in DIR.
func ruleDir(t *testing.T) string {
	t.Helper()
	dir := configtest.CertificateDir(t)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	configtest.WriteFile(t, dir, "page.html", "<h1>Closed</h1>\n")
	configtest.WriteFile(t, dir, "empty.html", "")
	configtest.WriteFile(t, dir, "most.bin", strings.Repeat("x", 1<<20))
	configtest.WriteFile(t, dir, "more.bin", strings.Repeat("x", 1<<20+1))
	return dir
}

func TestEveryRuleHasExamplesThatGetExactlyTheirErrors(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/config/rules_*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got the files of examples %v and the error %v, want some files", paths, err)
	}
	dir := ruleDir(t)
	accepted, refused := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		for _, example := range ruleExamples(t, path) {
			if len(example.want) == 0 {
				accepted[example.rule] = true
			} else {
				refused[example.rule] = true
			}
			t.Run(example.name, func(t *testing.T) {
				_, err := parseText(dir, example.text(t))
				if diff := cmp.Diff(example.want, configErrorLines(t, dir, err)); diff != "" {
					t.Errorf("%s: the errors differ (-want +got):\n%s", path, diff)
				}
			})
		}
	}
	for number := 1; number <= 24; number++ {
		rule := fmt.Sprintf("S-2.%d", number)
		if !accepted[rule] || !refused[rule] {
			t.Errorf("%s: got an accepted example %v and a refused one %v, want both", rule, accepted[rule], refused[rule])
		}
	}
}

func TestEveryErrorSaysWhatWouldBeRight(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/config/rules_*.txt")
	if err != nil {
		t.Fatal(err)
	}
	// The form of an error: a key, what is wrong and, after a semicolon, what to do, without a final period.
	form := regexp.MustCompile(`^(?:[A-Za-z0-9_.\[\]-]|"[^"]*")+: .+; .+[^.]$`)
	for _, path := range paths {
		for _, example := range ruleExamples(t, path) {
			for _, line := range example.want {
				if !form.MatchString(line) {
					t.Errorf("%s: got %q, want KEY: PROBLEM; REMEDY", example.name, line)
				}
			}
		}
	}
}

func TestAWildcardIsAllowedByTheFlagOrTheKey(t *testing.T) {
	dir := t.TempDir()
	wildcard := configtest.Edited(t, configtest.Minimal, "127.0.0.1", "0.0.0.0")
	for _, c := range []struct {
		name     string
		text     string
		flag, ok bool
	}{
		{"neither refuses it", wildcard, false, false},
		{"the flag by itself allows it", wildcard, true, true},
		{"the key by itself allows it", "allow_wildcard_bind = true\n" + wildcard, false, true},
		{"a key that says no does not take the flag back", "allow_wildcard_bind = false\n" + wildcard, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := FromBytes(filepath.Join(dir, "config.toml"), []byte(c.text), c.flag, configEnvironment())
			if (err == nil) != c.ok {
				t.Fatalf("got the error %v, want accepted %v", err, c.ok)
			}
			if c.ok && !cfg.AllowWildcardBind {
				t.Error("got AllowWildcardBind false, want true")
			}
		})
	}
}
