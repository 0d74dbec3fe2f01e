package headers

import (
	"strings"
	"unicode/utf8"
)

// Message is the kind of message whose fields a rule changes.
type Message uint8

// The kinds of messages.
const (
	// Request is a client's request on its way to an upstream.
	Request Message = iota
	// Response is a final response on its way to a client.
	Response
)

// Op is what a rule does to the field that it names.
type Op uint8

// The operations are named after their keys in the configuration.
const (
	// Set replaces all lines of the field with one.
	Set Op = iota
	// Default adds the field if the message does not have it.
	Default
	// Remove removes all lines of the field.
	Remove
)

// String returns the operation's key in the configuration.
func (op Op) String() string {
	switch op {
	case Set:
		return "set"
	case Default:
		return "default"
	default:
		return "remove"
	}
}

// Rule is a rule for one field, as the configuration has it.
type Rule struct {
	// Op is what the rule does.
	Op Op
	// Name is the field's name, as the rule spells it.
	Name string
	// Value is the value with its placeholders; "" for Remove.
	Value string
	// Level says where the rule was written: for the whole file, for a site or for a route. It does not change what the rule
	// does.
	Level string
}

// String returns the rule for people to read, as in `set X-Frame-Options: DENY`.
func (r Rule) String() string {
	if r.Op == Remove {
		return r.Op.String() + " " + r.Name
	}
	return r.Op.String() + " " + r.Name + ": " + r.Value
}

// Key returns the key of a field in such a message. Names that differ only in case have the same key. In requests, names
// that differ only in characters other than letters and digits also have the same key: to applications behind CGI, WSGI and
// the like, X-Site, X_Site and X.Site are one variable (S-6.12).
func (m Message) Key(name string) string {
	key := strings.ToLower(name) // a token is ASCII
	if m == Request {
		key = strings.Map(func(r rune) rune {
			if r < utf8.RuneSelf && !isAlphanumeric(byte(r)) {
				return '-'
			}
			return r
		}, key)
	}
	return key
}
