package conformance_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reverse-proxy/proxy"
	"reverse-proxy/proxy/config"
)

// manPages returns the shipped man pages.
func manPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(projectRoot(t), "deploy", "man", "*.[58]"))
	if err != nil || len(pages) != 2 {
		t.Fatalf("got the man pages %v and %v, want two", pages, err)
	}
	return pages
}

func TestManPagesAreWithoutWarnings(t *testing.T) {
	needPrograms(t, "mandoc", "groff", "man")
	for _, page := range manPages(t) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			dir := t.TempDir()
			// Each prints nothing if it finds nothing. mandoc formats pages as on the BSDs, the others as on Linux.
			if out := output(t, dir, "mandoc", "-T", "lint", "-W", "style", page); out != "" {
				t.Errorf("mandoc: got %q, want nothing", out)
			}
			cmd := exec.Command("groff", "-ww", "-man", "-Tutf8", page)
			var complaints strings.Builder
			cmd.Stderr = &complaints
			if _, err := cmd.Output(); err != nil || complaints.Len() > 0 {
				t.Errorf("groff: got %v and %q, want success and no warning", err, complaints.String())
			}
		})
	}
}

// TestManPagesAreReadAsTheyAreMeant compares the rendered pages with the tables of commands and keys.
func TestManPagesAreReadAsTheyAreMeant(t *testing.T) {
	needPrograms(t, "man")
	read := func(t *testing.T, name string) string {
		t.Helper()
		cmd := exec.Command("man", "--warnings", "-l", filepath.Join(projectRoot(t), "deploy", "man", name))
		cmd.Env = append(os.Environ(), "MANWIDTH=2000", "LC_ALL=C.UTF-8", "MANPAGER=cat", "MAN_KEEP_FORMATTING=")
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Fatalf("man: got %v and %q, want success and no warning", err, complaints.String())
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	wanted := func(t *testing.T, page string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(page, strings.Join(strings.Fields(text), " ")) {
				t.Errorf("got no %q in the page, want it there:\n%s", text, page)
				return
			}
		}
	}
	t.Run("reverse-proxy(8)", func(t *testing.T) {
		page, line := read(t, "reverse-proxy.8"), proxy.CommandLineReference()
		for _, flag := range line.Flags {
			wanted(t, page, flag.Typed()+" "+flag.Value, flag.Summary[1:])
		}
		for _, command := range line.Commands {
			synopsis := strings.TrimSpace("reverse-proxy " + command.Name)
			for _, operand := range command.Operands {
				synopsis += " " + cmp.Or(strings.Join(operand.Values, "|"), operand.Name)
			}
			wanted(t, page, synopsis+" [", command.Summary[1:])
		}
	})
	shown := strings.NewReplacer("`", "", "…", "...").Replace // as roff has no ellipsis
	t.Run("reverse-proxy.toml(5)", func(t *testing.T) {
		page := read(t, "reverse-proxy.toml.5")
		for _, table := range config.Reference() {
			header := "Top level"
			if table.Path != "" {
				header = "[" + table.Path + "]"
			}
			wanted(t, page, header, shown(table.About))
			for _, key := range table.Keys {
				wanted(t, page, key.Name+" ("+key.Type, shown(key.Text))
				if key.Default != "" {
					wanted(t, page, "Default: "+key.Default+".")
				}
			}
		}
	})
}
