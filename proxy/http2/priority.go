package http2

import "strings"

// Priority is how soon a client wants a response (RFC 9218, section 4).
type Priority struct {
	// Urgency is 0, the most urgent, to 7.
	Urgency uint8
	// Incremental says that parts of the response are of use by themselves, so that it may share the connection.
	Incremental bool
}

// DefaultPriority is that of a client that says nothing. RFC 9218 has it as not incremental; but those that say nothing
// cannot know of it, and expect that one large response does not hold up the others.
func DefaultPriority() Priority { return Priority{Urgency: 3, Incremental: true} }

// ParsePriority reads the value of a priority field, a dictionary of RFC 8941. What it does not understand is ignored, as
// RFC 9218, section 4, wants it: a priority is a wish.
func ParsePriority(value string) Priority {
	p := Priority{Urgency: 3}
	for value != "" {
		var member string
		member, value, _ = strings.Cut(value, ",")
		member, _, _ = strings.Cut(member, ";") // parameters of a member mean nothing here
		switch member = strings.Trim(member, " \t"); {
		case len(member) == 3 && member[:2] == "u=" && '0' <= member[2] && member[2] <= '7':
			p.Urgency = member[2] - '0'
		case member == "i" || member == "i=?1":
			p.Incremental = true
		case member == "i=?0":
			p.Incremental = false
		}
	}
	return p
}
