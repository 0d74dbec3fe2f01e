package manual

import (
	"slices"
	"strings"
	"testing"

	"reverse-proxy/proxy"
	"reverse-proxy/proxy/config"
)

func TestRoffKeepsTextAsItIs(t *testing.T) {
	for _, c := range []struct{ name, markdown, want string }{
		{"plain text stays", "Some words.", "Some words."},
		{"a hyphen of a word stays, and one of code is escaped", "pre-set `--flag`", `pre-set \fB\-\-flag\fR`},
		{"emphasis is kept", "`--config` *PATH*", `\fB\-\-config\fR \fIPATH\fR`},
		{"a backslash is escaped", "`a\\b`", `\fBa\eb\fR`},
		{"quotes are escaped", "the CA's `\"\"` and `'x'`", `the CA's \fB\(dq\(dq\fR and \fB\(aqx\(aq\fR`},
		{"characters that fonts change are escaped", "`~^`", `\fB\(ti\(ha\fR`},
		{"a dash and an ellipsis stay readable", "1–2 and more…", `1\(en2 and more...`},
		{"a dot in front is no macro", ".. is no macro", `\&.. is no macro`},
		{"an apostrophe in front is no macro", "'tis no macro", `\&'tis no macro`},
		{"a dot in front of a later line is no macro", strings.Repeat("x", 80) + " .br", strings.Repeat("x", 80) + "\n\\&.br"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := roffMarkdown(c.markdown); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRoffParagraphsBeginOnce(t *testing.T) {
	var page roff
	page.section("A")
	page.paragraph("one")
	page.paragraph("two")
	page.subsection("B's")
	page.example(".three\n\n  'four\n")
	want := ".SH A\none\n.PP\ntwo\n.SS \"B\\(aqs\"\n.RS 4\n.nf\n\\&.three\n\n  \\(aqfour\n.fi\n.RE\n"
	if got := page.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrapBreaksAtSpacesOnly(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"a b c", 5, "a b c"},
		{"a b cd", 5, "a b\ncd"},
		{"abcdefgh i", 5, "abcdefgh\ni"},
		{"  a   b  ", 5, "a b"},
		{"–– ––", 5, "–– ––"},
	} {
		if got := wrap(c.text, c.width); got != c.want {
			t.Errorf("%q in %d columns: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

// tricky is a command line with features that the program's own tables do not have (yet).
var tricky = proxy.CommandLine{
	Commands: []proxy.CommandReference{
		{Summary: "run", Flags: [][]string{{"config"}}},
		{Name: "watch", Summary: "watch it's [state]: all", Flags: [][]string{{"config", "every"}}},
	},
	Flags: []proxy.FlagReference{
		{Name: "config", Value: "PATH", Summary: "a file"},
		{Name: "every", Value: "SECONDS", Summary: `time\span [s]: it's`},
		{Name: "version", Summary: "version"}, {Name: "help", Summary: "help"},
	},
}

func TestCompletionsQuoteSummariesAndOfferFilesForPathsOnly(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"bash completes a path", bashCompletion(tricky), "    --config)\n        compopt"},
		{"bash does not complete another value", bashCompletion(tricky), "    --every) return ;;\n"},
		{"bash skips both", bashCompletion(tricky), "        --config | --every)\n            [[ "},
		{"bash completes flags", bashCompletion(tricky), "    watch)\n        words='--config --every --version --help'\n        ;;\n"},
		{"zsh completes a path", zshCompletion(tricky), "'--config=[a file]:PATH:_files'\n"},
		{"zsh describes another value", zshCompletion(tricky), `'--every=[time\\span \[s\]\: it'\''s]:SECONDS: '` + "\n"},
		{"zsh describes a command", zshCompletion(tricky), `'watch:watch it'\''s [state]: all'` + "\n"},
		{"fish completes a path", fishCompletion(tricky), `'__reverse_proxy_command "" "watch"' -l config -r -F -d 'a file'` + "\n"},
		{"fish describes another value", fishCompletion(tricky), `'__reverse_proxy_command "watch"' -l every -x -d 'time\\span [s]: it\'s'` + "\n"},
		{"fish describes a command", fishCompletion(tricky), `-a watch -d 'watch it\'s [state]: all'` + "\n"},
		{"the manual page shows a group", commandPage(tricky, "2026-01-02"), `[\fB\-\-config\fR \fIPATH\fR | \fB\-\-every\fR \fISECONDS\fR]`},
		{"the manual page shows the date", commandPage(tricky, "2026-01-02"), `.TH REVERSE\-PROXY 8 "2026-01-02" `},
	} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("%s: got no %q in:\n%s", c.name, c.want, c.text)
		}
	}
}

func TestCommandsTakeFlagsThatThereAre(t *testing.T) {
	line := proxy.CommandLineReference()
	if len(line.Commands) < 3 || len(line.Flags) < 5 || line.Commands[0].Name != "" {
		t.Fatalf("got %d commands and %d flags, want the daemon, its two commands at least, and their flags", len(line.Commands), len(line.Flags))
	}
	used := everywhere()
	for _, command := range line.Commands {
		used = append(used, slices.Concat(command.Flags...)...)
	}
	for _, flag := range line.Flags {
		if !slices.Contains(used, flag.Name) {
			t.Errorf("--%s: got no command that takes it, want one", flag.Name)
		}
	}
	for _, name := range used {
		if !slices.ContainsFunc(line.Flags, func(flag proxy.FlagReference) bool { return flag.Name == name }) {
			t.Errorf("--%s: got it with a command, want it among the flags too", name)
		}
	}
}

func TestConfigurationKeysAreDescribedInFull(t *testing.T) {
	for _, c := range []struct {
		key         config.Key
		row, inWord string
	}{
		{config.Key{Name: "a", Type: "integer", Min: "1", Max: "9", Default: "5", Text: "Five."},
			"| `a` | integer, 1–9 | `5` | static | Five. |\n", "Default: `5`. Static."},
		{config.Key{Name: "a", Type: "integer", Min: "1", Need: "required", Dynamic: true, Text: "Any."},
			"| `a` | integer, from 1 | required | dynamic | Any. |\n", "Required. Dynamic."},
		{config.Key{Name: "a", Type: "string", Need: "required by `acme`", Text: "Any."},
			"| `a` | string | required by `acme` | static | Any. |\n", "Required by `acme`. Static."},
		{config.Key{Name: "a", Type: "string", Need: "not set", Text: "Any."},
			"| `a` | string | not set | static | Any. |\n", "Not set by default. Static."},
	} {
		table := configTables([]config.Table{{Path: "x.y", IsArray: true, Keys: []config.Key{c.key}}})
		if !strings.HasSuffix(table, c.row) || !strings.Contains(table, "\n## `[[x.y]]`\n") {
			t.Errorf("got the table %q, want its header and %q", table, c.row)
		}
		if got := configWords(c.key); got != c.inWord {
			t.Errorf("got %q, want %q", got, c.inWord)
		}
	}
}
