package steps

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigSetsAndRemovesKeysByTheirPaths(t *testing.T) {
	tests := []struct {
		name string
		do   func(c *config) error
		want string
	}{
		{"a key of the root is set", func(c *config) error { return c.setTOML("port", "5") }, "port = 5\n"},
		{"a key makes its table", func(c *config) error { return c.setTOML("body.limit", `"x"`) }, "[body]\n  limit = \"x\"\n"},
		{"a key makes its entry", func(c *config) error { return c.setTOML("l[0].s[0].host", `"h"`) },
			"[[l]]\n\n  [[l.s]]\n    host = \"h\"\n"},
		{"a key is taken out", func(c *config) error {
			if err := c.setTOML("port", "5"); err != nil {
				return err
			}
			return c.remove("port")
		}, ""},
		{"the only entry is taken out", func(c *config) error {
			if err := c.setTOML("l[0].a", "1"); err != nil {
				return err
			}
			return c.remove("l[0]")
		}, ""},
		{"one entry of two is taken out", func(c *config) error {
			for path, value := range map[string]string{"l[0].a": "1", "l[1].a": "2"} {
				if err := c.setTOML(path, value); err != nil {
					return err
				}
			}
			return c.remove("l[0]")
		}, "[[l]]\n  a = 2\n"},
		{"text comes after the tree", func(c *config) error { c.tail = "x = 1\n"; return nil }, "x = 1\n"},
		{"text takes the place of the tree", func(c *config) error {
			raw := "raw"
			c.raw = &raw
			return c.setTOML("port", "5")
		}, "raw"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &config{root: map[string]any{}}
			if err := test.do(c); err != nil {
				t.Fatal(err)
			}
			got, err := c.text()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigRefusesWhatIsNoPathOrValue(t *testing.T) {
	c := &config{root: map[string]any{}}
	for name, err := range map[string]error{
		"a path with a space is refused":      c.setTOML("a b", "5"),
		"an entry without a key is refused":   c.setTOML("l[0]", "5"),
		"a value that is not TOML is refused": c.setTOML("a", "five"),
		"a key that is not there is refused":  c.remove("missing"),
		"an entry beyond the end is refused":  c.remove("l[7]"),
	} {
		if err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
}
