package config

import (
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"

	"reverse-proxy/proxy/wording"
)

// parseConfig parses the text of a configuration into its raw form. It collects unknown keys and values of the wrong
// type in the problems and goes on. It stops only at text that is not TOML, with an error that has the line and
// column.
//
// The text is decoded into a generic tree, from which fillConfig fills the structs. The toml package could do both,
// but it matches keys without regard to case, stops at the first wrong type, and names keys without indices.
func parseConfig(data []byte) (*rawConfig, *configProblems, error) {
	tree, err := DecodeTOML(data)
	if err != nil {
		return nil, nil, err
	}
	raw := new(rawConfig)
	problems := newConfigProblems(findPlaces(data))
	fillConfig(raw, tree, problems)
	return raw, problems, nil
}

// DecodeTOML decodes text into a generic tree, and refuses text that is nested too deep. The toml package panics on its own
// bugs; a reload must survive that, so the panic becomes an error.
func DecodeTOML(text []byte) (tree map[string]any, err error) {
	if err := checkNesting(text); err != nil {
		return nil, err
	}
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("cannot be parsed: %s", wording.Printable(fmt.Sprint(fault)))
		}
	}()
	_, err = toml.Decode(string(text), &tree)
	if parseErr, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("line %d, column %d: %s",
			parseErr.Position.Line, parseErr.Position.Col, wording.Printable(parseErr.Message))
	}
	return tree, err
}
