package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"reverse-proxy/proxy/config/configtest"
)

// docExample matches a whole configuration.
var docExample = regexp.MustCompile("(?s)\n```toml\n(.*?)\n```\n")

// documentation returns the text of docs/configuration.md.
func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDocumentedExamplesAreValid(t *testing.T) {
	dir := configtest.CertificateDir(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := docExample.FindAllStringSubmatch(documentation(t)+string(readme), -1)
	if len(examples) < 3 {
		t.Fatalf("got %d examples in the documentation and the README, want at least 3", len(examples))
	}
	// The paths of the reader's machine in the examples are replaced by paths in the test's directory.
	here := strings.NewReplacer("/etc/reverse-proxy/wiki.", "DIR/a.", "/etc/reverse-proxy/ci.", "DIR/b.",
		"/var/log/reverse-proxy/", "DIR/", "/var/lib/reverse-proxy/", "DIR/")
	env := configEnvironment()
	env.DescriptorLimit = func() uint64 { return 16384 }
	for i, example := range examples {
		text := strings.ReplaceAll(here.Replace(example[1]), "DIR", dir)
		if _, err := FromBytes("example", []byte(text), false, env); err != nil {
			t.Errorf("example %d of the documentation is refused: %v", i+1, err)
		}
	}
}

func TestTheDocumentedErrorsAreTheRealOnes(t *testing.T) {
	_, err := parseText(t.TempDir(), configtest.Minimal+"[[listeners.sites]]\nhost = \"b.example\"\nupsteam = \"127.0.0.1:1\"\n")
	for _, line := range locatedErrorLines(t, "\x00", err) {
		if !strings.Contains(documentation(t), "\n"+line+"\n") {
			t.Errorf("the documentation does not show %q", line)
		}
	}
}
