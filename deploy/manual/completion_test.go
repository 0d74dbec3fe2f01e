package manual

import (
	"regexp"
	"testing"

	"reverse-proxy/proxy"
)

// Single-letter flags are typed with one hyphen, as in every other command.
func TestALetterHasOneHyphen(t *testing.T) {
	line := proxy.CommandLineReference()
	for name, text := range map[string]string{
		"bash": bashCompletion(line), "fish": fishCompletion(line), "zsh": zshCompletion(line), "man": commandPage(line, "2026-01-01"),
	} {
		if wrong := regexp.MustCompile(`(\\?-\\?-|-l )[A-Za-z]\b[^=\n]{0,20}`).FindString(text); wrong != "" {
			t.Errorf("%s: got %q, want one hyphen before a letter", name, wrong)
		}
	}
}
