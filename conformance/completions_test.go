package conformance_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"reverse-proxy/proxy"
)

// bashComplete calls the completion function as bash does: `=` is a separate word (COMP_WORDBREAKS).
const bashComplete = `
source "$1"
shift
for line; do
    read -ra COMP_WORDS <<<"${line//=/ = }"
    [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _reverse_proxy
    printf '%s\n' "${COMPREPLY[@]}" '<DONE>'
done
`

const fishComplete = `
source $argv[1]
for line in $argv[2..-1]
    complete -C $line | string split -f 1 \t
    echo '<DONE>'
end
`

// zshComplete types the lines into an interactive zsh on its own terminal, each followed by a tab. Its completion
// system passes every candidate to compadd, which the test intercepts.
const zshComplete = `
zmodload zsh/zpty
export HITS=$PWD/.hits
zpty z zsh -f -i
zpty -w z "fpath=(${(q)1:h} \$fpath); source ${(q)2}"
zpty -r z out '*<READY>*'
for line in $argv[3,-1]; do
    zpty -w -n z $line$'\t\C-y'
    zpty -r z out '*<DONE>*'
done
zpty -d z
cat $HITS
`

const zshInside = `
autoload -Uz compinit
compinit -u -D
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-[a-zA-Z]#(O|A|D)\ * ]]; then
        local -a found
        builtin compadd -A found "$@"
        (( $#found )) && print -rl -- $found >>$HITS
    fi
    builtin compadd "$@"
}
_done() {
    zle kill-whole-line
    print -r -- '<DONE>' >>$HITS
    print -r -- '<DO''NE>'
}
zle -N _done
bindkey '^Y' _done
bindkey '^I' complete-word
print -r -- '<REA''DY>'
`

// flagsOf returns the flags that a command accepts and that begin with those hyphens.
func flagsOf(line proxy.CommandLine, command proxy.CommandReference, hyphens string) []string {
	var flags []string
	for _, flag := range line.Flags {
		taken := flag.Name == "help" || flag.Name == "version"
		for _, group := range command.Flags {
			taken = taken || slices.Contains(group, flag.Name)
		}
		if taken && strings.HasPrefix(flag.Typed(), hyphens) {
			flags = append(flags, flag.Typed())
		}
	}
	return flags
}

// completionCases returns lines with what a tab after them must offer, for the program's own commands and flags.
func completionCases() map[string][]string {
	line := proxy.CommandLineReference()
	files := []string{"site.toml", "sub"}
	cases := map[string][]string{
		"reverse-proxy relo":                       {"reload"},
		"reverse-proxy --config site.toml stat":    {"status"},
		"reverse-proxy --val":                      {"--validate"},
		"reverse-proxy --config ":                  files,
		"reverse-proxy status --socket ":           files,
		"reverse-proxy --config site.toml --allow": {"--allow-wildcard-bind"},
		"reverse-proxy --config reload --validat":  {"--validate"}, // the file is named like a command
		"reverse-proxy --config=site.toml --valid": {"--validate"},
		"reverse-proxy reload nothing":             nil,
		"reverse-proxy pause ":                     {"a.test", "b.test", "www.a.test"},
		"reverse-proxy explain -X POST --l":        {"--listener"},
		"reverse-proxy explain -H status --l":      {"--listener"},
		"reverse-proxy resume b":                   {"b.test"},
		"reverse-proxy maintenance w":              {"www.a.test"},
		"reverse-proxy maintenance a.test ":        {"on", "off"},
		"reverse-proxy maintenance a.test of":      {"off"},
		"reverse-proxy maintenance pause o":        {"on", "off"}, // the host is named like a command
		"reverse-proxy --config site.toml pause c": {"c.test"},
		"reverse-proxy pause --config=site.toml c": {"c.test"},
	}
	var commands []string
	for _, command := range line.Commands[1:] {
		commands = append(commands, command.Name)
		cases["reverse-proxy "+command.Name+" -"] = flagsOf(line, command, "-")
		cases["reverse-proxy "+command.Name+" --"] = flagsOf(line, command, "--")
	}
	cases["reverse-proxy "] = commands
	cases["reverse-proxy --"] = flagsOf(line, line.Commands[0], "--")
	return cases
}

func TestCompletionsInRealShells(t *testing.T) {
	needPrograms(t, "bash", "zsh", "fish")
	daemon := buildDaemon(t)
	completions := filepath.Join(projectRoot(t), "deploy", "completions")
	cases := completionCases()
	lines := []string{}
	for line := range cases {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, shell := range []struct {
		// bare is the flag that makes the shell read no user's settings.
		name, file, bare, script string
	}{
		{"bash", "bash/reverse-proxy", "--norc", bashComplete},
		{"fish", "fish/reverse-proxy.fish", "--no-config", fishComplete},
		{"zsh", "zsh/_reverse-proxy", "-f", zshComplete},
	} {
		t.Run(shell.name, func(t *testing.T) {
			dir := t.TempDir()
			work := filepath.Join(dir, "work")
			if err := os.MkdirAll(filepath.Join(work, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			other := "[[listeners]]\n[[listeners.sites]]\nhost = \"c.test\"\n"
			// The completions ask the program itself; it finds its usual configuration in the test's directory.
			program := "#!/bin/sh\ncase \"$*\" in *--config*) ;; *) set -- \"$@\" --config " + dir + "/default.toml ;; esac\nexec " + daemon + " \"$@\"\n"
			if err := os.WriteFile(filepath.Join(dir, "reverse-proxy"), []byte(program), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			usual := "[[listeners]]\n[[listeners.sites]]\nhost = \"a.test\"\naliases = [\"www.a.test\"]\n[[listeners.sites]]\nhost = \"b.test\"\n"
			for name, text := range map[string]string{"work/site.toml": other, "default.toml": usual, "script": shell.script, "inside": zshInside} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(completions, shell.file)
			clientProgram(t, work, shell.name, "-n", file) // checks only the syntax
			args := []string{shell.bare, filepath.Join(dir, "script"), file}
			if shell.name == "zsh" {
				args = append(args, filepath.Join(dir, "inside"))
			}
			out := clientProgram(t, work, shell.name, append(args, lines...)...)
			answers := strings.Split(out, "<DONE>\n")
			if len(answers) != len(lines)+1 {
				t.Fatalf("got %d answers, want %d:\n%s", len(answers)-1, len(lines), out)
			}
			for i, line := range lines {
				got := []string{}
				for offered := range strings.FieldsSeq(answers[i]) {
					got = append(got, strings.TrimSuffix(offered, "/"))
				}
				slices.Sort(got)
				want := slices.Clone(cases[line])
				slices.Sort(want)
				if got = slices.Compact(got); !slices.Equal(got, want) {
					t.Errorf("%q: got %v, want %v", line, got, want)
				}
			}
		})
	}
}
