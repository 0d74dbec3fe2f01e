package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clip returns at most the first limit bytes of a text, without cutting a character in two.
func Clip(text string, limit int) string {
	if len(text) <= limit { // nearly always: this part is inlined
		return text
	}
	return clip(text, limit)
}

// clip is Clip of a text that is too long.
func clip(text string, limit int) string {
	cut := limit
	for back := 1; back < utf8.UTFMax && !utf8.RuneStart(text[cut]); back++ {
		if utf8.RuneStart(text[limit-back]) {
			if _, size := utf8.DecodeRuneInString(text[limit-back:]); size > back {
				cut = limit - back
			}
			break
		}
	}
	return text[:cut]
}

// OneLine makes a text from outside fit on one line: control characters and line separators become spaces, and bytes that are
// not UTF-8 become U+FFFD.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
