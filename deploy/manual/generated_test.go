package manual

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy"
)

var update = flag.Bool("update", false, "write the generated files anew")

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

// compareGenerated compares a file of the project with what it has to be, or writes it under -update.
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
	compareGenerated(t, name, before+configTablesBegin+configTables(proxy.ConfigReference()))
}
