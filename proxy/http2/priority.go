package http2

import "strings"

// Priority is how soon a client wants a response (RFC 9218, section 4).
type Priority struct {
	// Urgency is from 0, the most urgent, to 7.
	Urgency uint8
	// Incremental reports whether parts of the response are useful before it is complete. If so, it may share the
	// connection.
	Incremental bool
}

// DefaultPriority returns the priority for a client that sends none. RFC 9218 makes it not incremental. But such a
// client may not know RFC 9218, and then expects that one large response does not hold up the others.
func DefaultPriority() Priority { return Priority{Urgency: 3, Incremental: true} }

// ParsePriority parses the value of a priority field, a dictionary of RFC 8941. It ignores what it does not understand,
// as RFC 9218, section 4, requires: a priority is only a hint.
func ParsePriority(value string) Priority {
	p := Priority{Urgency: 3}
	for value != "" {
		var member string
		member, value, _ = strings.Cut(value, ",")
		member, _, _ = strings.Cut(member, ";") // parameters have no meaning here
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
