package admin

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARequestPassesOverTheWire(t *testing.T) {
	for _, path := range []string{"", "/etc/x.toml", "/a b/\"c\".toml", "/tab\tand\nline.toml", "/grün/<&>.toml", "/"} {
		for _, arguments := range []string{"", `{"host":"a.test"}`, `{"text":"<&> {} \"\n"}`} {
			want := request{command: "reload"}
			if path != "" {
				want.configFile = configFile{Path: path, Device: 1<<64 - 1, Inode: 7}
			}
			if arguments != "" {
				want.Arguments = json.RawMessage(arguments)
			}
			line := want.line()
			if strings.ContainsAny(line, "\n\r") {
				t.Errorf("%q: got %q, want one line", path, line)
			}
			if got, err := parseRequest(line); err != nil || !cmp.Equal(got, want, cmp.AllowUnexported(request{}, requestObject{})) {
				t.Errorf("%q: got %+v and the error %v, want what was sent", line, got, err)
			}
		}
	}
}

func TestALineIsParsedAsARequest(t *testing.T) {
	for _, c := range []struct {
		line, command string
		file          configFile
		arguments     string
		err           error
	}{
		{line: "reload", command: "reload"},
		{line: "status now", command: "status now"},
		{line: `reload {"config":"/a"}`, command: "reload", file: configFile{Path: "/a"}},
		{line: `reload {"config":"/a","device":1,"inode":2} `, command: "reload", file: configFile{"/a", 1, 2}},
		{line: `resume {"arguments":{"host":"a"}}`, command: "resume", arguments: `{"host":"a"}`},
		{line: `resume {"config":"/a","arguments":{}}`, command: "resume", file: configFile{Path: "/a"}, arguments: "{}"},
		{line: " {}", err: errInput},
		{line: `reload {}`, err: errInput},
		{line: `reload {"config":""}`, err: errInput},
		{line: `reload {"config":"a.toml"}`, err: errInput},
		{line: `reload {"config":"/a","force":true}`, err: errInput},
		{line: `reload {"config":"/a"} {"config":"/b"}`, err: errInput},
		{line: `reload {"config":"/a"}}`, err: errInput},
		{line: `reload {"config":"/a"`, err: errInput},
		{line: `reload {"config":5}`, err: errInput},
		{line: `reload {"config":"/a","inode":-1}`, err: errInput},
		{line: `resume {"arguments":null}`, err: errInput},
		{line: `resume {"arguments":{},"inode":1}`, err: errInput},
	} {
		got, err := parseRequest(c.line)
		if got.command != c.command || !errors.Is(err, c.err) || err == nil && (got.configFile != c.file || string(got.Arguments) != c.arguments) {
			t.Errorf("%s: got %+v and the error %v, want %q, %+v, %s and %v", c.line, got, err, c.command, c.file, c.arguments, c.err)
		}
	}
}

func TestArgumentsThatACommandDoesNotKnowAreRefused(t *testing.T) {
	for _, text := range []string{"", `{"host":"a","force":true}`, `{"host":5}`, `[]`, `"a"`} {
		r := request{command: "resume"}
		if text != "" {
			r.Arguments = json.RawMessage(text)
		}
		if _, err := arguments[struct{ Host string }](r); !errors.Is(err, errInput) || !strings.Contains(err.Error(), "resume") {
			t.Errorf("%s: got the error %v, want invalid input that names the command", text, err)
		}
	}
}

// FuzzParseRequest looks for a line that gives an expected configuration without a path to compare.
func FuzzParseRequest(f *testing.F) {
	for _, line := range []string{"reload", `reload {"config":"/a"}`, `diff {"config":"/a","device":1,"inode":2}`, "status {", `x {"config":"a"}`,
		`reload {"config":"/\u0000\ud800"}`, `resume {"arguments":{"host":"a"}}`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parseRequest(line)
		switch {
		case err != nil && err != errInput:
			t.Errorf("got the error %v, want %v", err, errInput)
		case err == nil && r.Path == "" && r.Arguments == nil && r.command != line:
			t.Errorf("got %q, want the line %q as it is", r.command, line)
		case err == nil && r.Path != "" && !filepath.IsAbs(r.Path):
			t.Errorf("got %+v, want an absolute path", r)
		}
	})
}
