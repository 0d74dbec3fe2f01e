package config

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// place is where in a file a key is: its line, counted from 1, and the offset of its first byte. The place of a table is
// that of its header.
type place struct{ line, offset int }

// places are the places of the keys of a file, and of the elements of arrays.
type places map[string]place

// of returns the place of the key, or of the nearest table above it that is in the file. It returns false if there is
// none.
func (p places) of(key string) (place, bool) {
	for ; key != ""; key = parentKey(key) {
		if at, ok := p[key]; ok {
			return at, true
		}
	}
	return place{}, false
}

// findPlaces finds the places of all keys in text, because the TOML parser does not report the lines of keys. The
// text must be one that the parser has accepted; in other text some places are missing or wrong.
func findPlaces(text []byte) places {
	s := placeScanner{text: text, line: 1, found: places{}, implied: places{}, lengths: map[string]int{}}
	s.statements()
	for key, at := range s.implied {
		if _, ok := s.found[key]; !ok {
			s.found[key] = at
		}
	}
	return s.found
}

// LineOf returns the line of a key in the text of a configuration, or that of the nearest table above it; 0 if it has
// neither.
func LineOf(text []byte, key string) int {
	at, _ := findPlaces(text).of(key)
	return at.line
}

// placeScanner reads the statements of a TOML file.
type placeScanner struct {
	text []byte
	// pos is the offset of the next byte, and line its line.
	pos, line int
	found     places
	// implied are the places of tables that so far are named only in the header or key of a table below them.
	implied places
	// lengths are the numbers of elements so far in the arrays of tables.
	lengths map[string]int
}

// statements reads the file to its end.
func (s *placeScanner) statements() {
	table := ""
	for s.skipSpace(true); s.pos < len(s.text); s.skipSpace(true) {
		if s.text[s.pos] == '[' {
			table = s.header()
		} else {
			s.keyValue(table)
		}
	}
}

// header reads the header of a table, or of an element of an array of tables, and returns its key.
func (s *placeScanner) header() string {
	at := place{s.line, s.pos}
	s.pos++
	isArray := s.take('[')
	names := s.keyNames()
	for s.take(']') {
	}
	key := ""
	for i, name := range names {
		key = ChildKey(key, name)
		if i < len(names)-1 {
			note(s.implied, key, at)
			if length := s.lengths[key]; length > 0 {
				key = IndexKey(key, length-1)
			}
			continue
		}
		note(s.found, key, at)
		if isArray {
			s.lengths[key]++
			key = IndexKey(key, s.lengths[key]-1)
			note(s.found, key, at)
		}
	}
	return key
}

// keyValue reads a key of the table, and its value.
func (s *placeScanner) keyValue(table string) {
	at := place{s.line, s.pos}
	key := table
	for _, name := range s.keyNames() {
		key = ChildKey(key, name)
		note(s.found, key, at)
	}
	s.skipSpace(false)
	s.take('=')
	s.skipSpace(false)
	s.value(key)
}

// value reads the value of the key.
func (s *placeScanner) value(key string) {
	start := s.pos
	switch s.next() {
	case '"', '\'':
		s.skipTo(skipString(s.text, s.pos))
	case '[':
		s.elements(']', func(i int) {
			note(s.found, IndexKey(key, i), place{s.line, s.pos})
			s.value(IndexKey(key, i))
		})
	case '{':
		s.elements('}', func(int) { s.keyValue(key) })
	default:
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n", rune(s.text[s.pos])) {
			s.pos++
		}
	}
	if s.pos == start {
		s.pos++ // no value, so the text is not TOML
	}
}

// elements reads an array or an inline table to its end, and calls element at the beginning of each element.
func (s *placeScanner) elements(end byte, element func(i int)) {
	s.pos++
	for i := 0; ; i++ {
		s.skipSpace(true)
		if s.pos >= len(s.text) || s.take(end) {
			return
		}
		element(i)
		s.skipSpace(true)
		s.take(',')
	}
}

// keyNames reads a key, and returns the names between its dots.
func (s *placeScanner) keyNames() []string {
	var names []string
	for {
		s.skipSpace(false)
		start := s.pos
		switch s.next() {
		case '"', '\'':
			s.skipTo(skipString(s.text, s.pos))
			names = append(names, unquoteKey(string(s.text[start:s.pos])))
		default:
			for s.pos < len(s.text) && !strings.ContainsRune(" \t.=]\n\r", rune(s.text[s.pos])) {
				s.pos++
			}
			names = append(names, string(s.text[start:s.pos]))
		}
		s.skipSpace(false)
		if !s.take('.') {
			return names
		}
	}
}

// skipSpace skips white space, and, with lines, comments and the ends of lines.
func (s *placeScanner) skipSpace(lines bool) {
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
		case lines && c == '\n':
			s.line++
		case lines && c == '#':
			end := bytes.IndexByte(s.text[s.pos:], '\n')
			if end < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += end - 1
		default:
			return
		}
	}
}

// skipTo goes on to the offset, and counts the lines.
func (s *placeScanner) skipTo(offset int) {
	offset = min(offset, len(s.text))
	s.line += bytes.Count(s.text[s.pos:offset], []byte("\n"))
	s.pos = offset
}

// next returns the next byte, or 0 at the end.
func (s *placeScanner) next() byte {
	if s.pos >= len(s.text) {
		return 0
	}
	return s.text[s.pos]
}

// take skips the next byte if it is c, and reports whether it was.
func (s *placeScanner) take(c byte) bool {
	if s.next() != c || s.pos >= len(s.text) {
		return false
	}
	s.pos++
	return true
}

// note records the place of a key if it has none yet.
func note(in places, key string, at place) {
	if _, seen := in[key]; !seen {
		in[key] = at
	}
}

// unquoteKey returns the name that a key in quotes has.
func unquoteKey(quoted string) string {
	if len(quoted) < 2 {
		return quoted
	}
	inner := quoted[1 : len(quoted)-1]
	if quoted[0] == '\'' {
		return inner
	}
	var out strings.Builder
	for rest := inner; rest != ""; {
		before, escape, found := strings.Cut(rest, `\`)
		out.WriteString(before)
		if !found {
			break
		}
		var r rune
		r, rest = unescape(escape)
		out.WriteRune(r)
	}
	return out.String()
}

// unescape reads what follows a backslash in a basic string, and returns the character and the rest.
func unescape(text string) (r rune, rest string) {
	if text == "" {
		return utf8.RuneError, ""
	}
	digits := 0
	switch text[0] {
	case 'b':
		r = '\b'
	case 't':
		r = '\t'
	case 'n':
		r = '\n'
	case 'f':
		r = '\f'
	case 'r':
		r = '\r'
	case 'e':
		r = '\x1b'
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		r = rune(text[0])
	}
	text = text[1:]
	for ; digits > 0 && text != ""; digits-- {
		r = r<<4 | rune(hexValue(text[0]))
		text = text[1:]
	}
	return r, text
}

// hexValue returns the value of a hexadecimal digit.
func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
