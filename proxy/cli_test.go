package proxy

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reverse-proxy/proxy/config/configtest"
	"reverse-proxy/proxy/exitcode"
)

func TestWrongUsageIsReportedInOneLineAndExitsWith2(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"an unknown flag gets a suggestion":               {[]string{"--confg", "x"}, `flag provided but not defined: -confg; did you mean "--config"?`},
		"a flag like no other gets none":                  {[]string{"--colour"}, "flag provided but not defined: -colour; see"},
		"a flag in the other case gets a suggestion":      {[]string{"explain", "-x", "POST"}, `flag provided but not defined: -x; did you mean "-X"?`},
		"a flag near to no word gets none":                {[]string{"-v"}, "flag provided but not defined: -v; see"},
		"a letter does not go with another command":       {[]string{"reload", "-X", "POST"}, "-X does not go with reload"},
		"an unknown command is refused":                   {[]string{"restart"}, `unknown command "restart"; see`},
		"two commands are refused":                        {[]string{"reload", "status"}, `one command at a time: "status" after "reload"`},
		"a flag of a command is refused without it":       {[]string{"--socket", "/s"}, "--socket goes with reload or status"},
		"a flag of the daemon does not go with a command": {[]string{"reload", "--validate"}, "--validate does not go with reload"},
		"a flag before a command does not go with it":     {[]string{"--allow-wildcard-bind", "status"}, "--allow-wildcard-bind does not go with status"},
		"an empty path is refused":                        {[]string{"--config="}, "--config needs a path"},
		"a missing value is refused":                      {[]string{"--config"}, "flag needs an argument: -config"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := Main(tt.args, &stdout, &stderr); code != exitcode.Usage {
				t.Errorf("exit code %d, want %d", code, exitcode.Usage)
			}
			// The list of commands that take the flag grows with the commands.
			if got := stderr.String(); !strings.HasPrefix(got, "reverse-proxy: "+tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("complained %q, want one line with %q", got, tt.want)
			}
			if stdout.Len() != 0 {
				t.Errorf("printed %q, want nothing", stdout.String())
			}
		})
	}
}

func TestEveryMistypedCommandAndFlagGetsASuggestion(t *testing.T) {
	words := map[string]string{}
	for _, command := range cliCommands()[1:] {
		words[command.Name] = "unknown command"
	}
	for _, f := range cliFlags() {
		if len(f.Name) > 1 { // nothing is near to a letter
			words["--"+f.Name] = "flag provided but not defined"
		}
	}
	for word, complaint := range words {
		last := len(word) - 1
		for _, mistyped := range []string{word[:last], word[:last-1] + word[last:] + word[last-1:last], word + word[last:]} {
			if words[mistyped] != "" || mistyped == word || mistyped == "--fro" { // that is as near to --for as to --from
				continue
			}
			var stdout, stderr bytes.Buffer
			code := Main([]string{mistyped}, &stdout, &stderr)
			if got := stderr.String(); code != exitcode.Usage || !strings.Contains(got, complaint) || !strings.Contains(got, fmt.Sprintf("did you mean %q?", word)) {
				t.Errorf("%s: got the exit code %d and %q, want 2 and the suggestion %s", mistyped, code, got, word)
			}
		}
	}
}

func TestUsageTextIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/usage.txt"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(usageText()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), usageText()); diff != "" {
		t.Errorf("--help differs from %s (UPDATE_GOLDEN=1 rewrites it); -want +got:\n%s", golden, diff)
	}
	for _, line := range strings.Split(usageText(), "\n") {
		if len(line) > 120 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}

func TestTheTablesOfCommandsAndFlagsFitEachOther(t *testing.T) {
	var known []string
	for _, f := range cliFlags() {
		if f.Summary == "" || f.bind == nil {
			t.Errorf("--%s lacks a summary or a place to be stored", f.Name)
		}
		f.bind(flag.NewFlagSet("", flag.ContinueOnError), new(commandLine), f.Name)
		known = append(known, f.Name)
	}
	taken := []string{"version", "help"}
	for i, command := range cliCommands() {
		if (command.Name == "") != (i == 0) || command.Summary == "" || command.run == nil {
			t.Errorf("command %d (%q) lacks a name, a summary or something to run", i, command.Name)
		}
		for _, group := range command.Flags {
			for _, name := range group {
				if !slices.Contains(known, name) {
					t.Errorf("%q takes --%s, which is not in the table of flags", command.Name, name)
				}
				taken = append(taken, name)
			}
		}
	}
	for _, name := range known {
		if !slices.Contains(taken, name) {
			t.Errorf("no command takes --%s", name)
		}
	}
}

func TestHelpAndVersionGoWithEveryCommand(t *testing.T) {
	for _, command := range cliCommands() {
		for _, f := range []string{"--help", "-h", "--version"} {
			args := []string{f}
			if command.Name != "" {
				args = []string{command.Name, f}
			}
			if code := Main(args, io.Discard, io.Discard); code != exitcode.OK {
				t.Errorf("%v: exit code %d, want %d", args, code, exitcode.OK)
			}
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(new(bytes.Buffer)) || screenOf(file) != nil {
		t.Error("a file and a buffer are taken for terminals")
	}
}

func TestValidateChecksAsCheckDoes(t *testing.T) {
	file := configtest.WriteFile(t, t.TempDir(), "config.toml", configtest.Edited(t, configtest.Minimal,
		"[rate_limit]", "max_connections = 64\n[rate_limit]", "burst = 200", "burst = 5", `bind_addr = "127.0.0.1"`, `bind_addr = "0.0.0.0"`))
	outcome := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		code := Main(args, &stdout, &stderr)
		return fmt.Sprintf("%d\n%s%s", code, &stdout, &stderr)
	}
	for _, flags := range [][]string{{"--config", file}, {"--config", file, "--allow-wildcard-bind"}} {
		checked, validated := outcome(append([]string{"check"}, flags...)...), outcome(append([]string{"--validate"}, flags...)...)
		if diff := cmp.Diff(checked, validated); diff != "" {
			t.Errorf("%v (-check +validate):\n%s", flags, diff)
		}
		if refused := strings.HasPrefix(checked, "1\n"); refused != (len(flags) == 2) {
			t.Errorf("%v: got %q, want it refused only without --allow-wildcard-bind", flags, checked)
		}
	}
	if got := outcome("check", "--json", "--config", file, "--allow-wildcard-bind"); !strings.HasPrefix(got, `0`+"\n"+`{"status":"ok","path":"`+file+`"`) {
		t.Errorf("got %q, want the answer for programs", got)
	}
}
