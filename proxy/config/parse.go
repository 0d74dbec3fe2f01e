package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// parseConfig turns the text of a configuration into its raw form. Unknown keys and values of the wrong type are
// collected in the problems, and parsing goes on; the error is for text that is no TOML, with line and column, after
// which there is nothing to go on with.
//
// The text is decoded into a generic tree and the tree into the structs by fillStruct, not by the toml package:
// that one matches keys without regard to case, stops at the first wrong type, and names keys without indices.
func parseConfig(data []byte) (*rawConfig, *configProblems, error) {
	if err := CheckNesting(data); err != nil {
		return nil, nil, err
	}
	tree, meta, err := DecodeTOML(string(data))
	if err != nil {
		return nil, nil, err
	}
	raw := new(rawConfig)
	problems := newConfigProblems(keyPositions(meta))
	fillConfig(raw, tree, problems)
	return raw, problems, nil
}

// DecodeTOML decodes text into a generic tree. The toml package panics where it meets a fault of its own; a reload
// must survive that, and so it becomes an error.
func DecodeTOML(text string) (tree map[string]any, meta toml.MetaData, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("cannot be parsed: %s", oneLine(fmt.Sprint(fault)))
		}
	}()
	meta, err = toml.Decode(text, &tree)
	if parseErr, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, meta, fmt.Errorf("line %d, column %d: %s",
			parseErr.Position.Line, parseErr.Position.Col, oneLine(parseErr.Message))
	}
	return tree, meta, err
}

// oneLine makes text safe to stand in one line of an error: control characters become visible escapes, and what is
// longer than maxQuoted bytes is clipped.
func oneLine(text string) string {
	var line strings.Builder
	for _, r := range text {
		if line.Len() > 2*maxQuoted {
			line.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			line.WriteRune(r)
		} else {
			line.WriteString(strings.Trim(fmt.Sprintf("%q", r), "'"))
		}
	}
	return line.String()
}
