package manual

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy"
	"reverse-proxy/proxy/config"
)

var update = flag.Bool("update", false, "write the generated files again")

// root is the project's root: tests run in their package's directory.
const root = "../.."

// readFile returns a file of the project.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compareGenerated compares a file of the project with its expected contents, or writes them with -update.
func compareGenerated(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, readFile(t, name)); diff != "" {
		t.Errorf("%s is old; run go test ./deploy/manual -update (-want +got):\n%s", name, diff)
	}
}

func TestTheTablesOfTheConfigurationAreTheReference(t *testing.T) {
	const name = "docs/configuration.md"
	before, _, found := strings.Cut(readFile(t, name), configTablesBegin)
	if !found {
		t.Fatalf("%s: got no line %q, want one in front of the tables", name, configTablesBegin)
	}
	compareGenerated(t, name, before+configTablesBegin+configTables(config.Reference()))
}

// TestTheManPagesAndCompletionsAreTheTables checks the generated files of deploy/.
func TestTheManPagesAndCompletionsAreTheTables(t *testing.T) {
	line := proxy.CommandLineReference()
	compareGenerated(t, "deploy/completions/bash/reverse-proxy", bashCompletion(line))
	compareGenerated(t, "deploy/completions/zsh/_reverse-proxy", zshCompletion(line))
	compareGenerated(t, "deploy/completions/fish/reverse-proxy.fish", fishCompletion(line))
	comparePage(t, "deploy/man/reverse-proxy.8", func(date string) string { return commandPage(line, date) })
	_, example, _ := strings.Cut(readFile(t, "README.md"), "\n```toml\n")
	example, _, found := strings.Cut(example, "```\n")
	if !found {
		t.Fatal("README.md: got no configuration between ```toml and ```, want the one of the man page")
	}
	comparePage(t, "deploy/man/reverse-proxy.toml.5", func(date string) string { return configPage(config.Reference(), example, date) })
}

// pageDate matches the date in the heading of a man page.
var pageDate = regexp.MustCompile(`(?m)^\.TH \S+ \d "(\d{4}-\d\d-\d\d)"`)

// comparePage compares a man page. Its date is that of the last change: the committed one, or today if -update changes
// the page.
func comparePage(t *testing.T, name string, render func(date string) string) {
	t.Helper()
	date := time.Now().UTC().Format(time.DateOnly)
	committed, _ := os.ReadFile(filepath.Join(root, name)) // it may not exist yet
	if found := pageDate.FindSubmatch(committed); found != nil && (!*update || render(string(found[1])) == string(committed)) {
		date = string(found[1])
	}
	compareGenerated(t, name, render(date))
}
