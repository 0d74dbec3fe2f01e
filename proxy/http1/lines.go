package http1

import "unsafe"

// kind is the message that field lines belong to.
type kind uint8

const (
	kindRequest kind = iota
	kindResponse
	kindTrailer
)

// maxFields returns how many lines a section may have.
func (k kind) maxFields() int {
	if k == kindResponse {
		return MaxResponseFields
	}
	return MaxFields
}

// tooManyFields returns the reason for a section that exceeds its bound.
func (k kind) tooManyFields() string {
	switch k {
	case kindResponse:
		return "more than 256 field lines"
	case kindTrailer:
		return "more than 128 trailer lines"
	}
	return "more than 128 field lines"
}

// lines is a section of field lines, and what they specify for their message and its connection.
type lines struct {
	fields Fields // all except those of the framing

	host, contentLength, transferEncoding, upgrade string

	hasHost, hasLength, hasCoding          bool
	close, keepAlive, connectionHasUpgrade bool
	expectContinue, teTrailers             bool

	// options counts the options in Connection. Each option must be looked up among the fields. A head with more
	// options than it may have fields is an attack.
	options int
}

// parse parses field lines from buf[i:] up to the empty line that ends them (RFC 9112, section 5). It returns the index
// after that line, or 0 if the buffer ends before it. A line ends in CRLF. A bare CR or LF, a folded line, white space
// before the colon and control characters in a value are rejected. RFC 9112, sections 2.2, 5.1 and 5.2, leaves a choice
// in some of these cases, and each choice is a way to make two readers differ.
func (l *lines) parse(buf []byte, i int, kind kind) (next int, err *Error) {
	fields, count, most := l.fields[:0], 0, kind.maxFields()
	for {
		start := i
		for i < len(buf) && class[buf[i]]&classToken != 0 {
			i++
		}
		if i >= len(buf) {
			return 0, nil
		}
		if buf[i] != ':' || i == start {
			if buf[i] == '\r' && i == start {
				if i+1 >= len(buf) {
					return 0, nil
				}
				if buf[i+1] == '\n' {
					l.fields = fields
					return i + 2, nil
				}
			}
			return 0, badName(buf[i], i == start)
		}
		name := unsafe.String(&buf[start], i-start)
		i++
		for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t') {
			i++
		}
		start = i
		i = scanText(buf, i)
		if i+1 >= len(buf) {
			if i < len(buf) && buf[i] != '\r' {
				return 0, badValue(buf[i])
			}
			return 0, nil
		}
		if buf[i] != '\r' || buf[i+1] != '\n' {
			return 0, badValue(buf[i])
		}
		end := i
		for end > start && (buf[end-1] == ' ' || buf[end-1] == '\t') {
			end--
		}
		value := unsafe.String(&buf[start], end-start)
		i += 2
		if count++; count > most {
			return 0, reject(431, kind.tooManyFields())
		}
		if special[len(name)&31]&(1<<(name[0]&31)) != 0 && len(name) < 32 {
			if taken, err := l.take(name, value, kind); err != nil {
				return 0, err
			} else if taken {
				continue
			}
		}
		fields = append(fields, Field{Name: name, Value: value})
	}
}

// special has, for each length, the first letters of the names that take looks for, as a bit set that ignores case.
var special = [32]uint32{
	len("TE"):                1 << ('T' & 31),
	len("Host"):              1 << ('H' & 31),
	len("Expect"):            1 << ('E' & 31),
	len("Upgrade"):           1<<('U'&31) | 1<<('T'&31), // and Trailer
	len("Connection"):        1 << ('C' & 31),
	len("Content-Length"):    1 << ('C' & 31),
	len("Transfer-Encoding"): 1 << ('T' & 31),
}

// take reads a line that specifies something about the message or the connection. taken reports whether the line
// belongs to the framing and not among the fields: Host of a request, Content-Length and Transfer-Encoding.
func (l *lines) take(name, value string, kind kind) (taken bool, err *Error) {
	switch {
	case EqualFold(name, "Content-Length"):
		if kind == kindTrailer || l.hasLength {
			return false, reject(400, "several Content-Length")
		}
		l.contentLength, l.hasLength = value, true
		return true, nil
	case EqualFold(name, "Transfer-Encoding"):
		if kind == kindTrailer || l.hasCoding {
			return false, reject(400, "several Transfer-Encoding")
		}
		l.transferEncoding, l.hasCoding = value, true
		return true, nil
	case EqualFold(name, "Host"):
		if kind == kindResponse {
			return false, nil
		}
		if kind == kindTrailer || l.hasHost {
			return false, reject(400, "several Host")
		}
		l.host, l.hasHost = value, true
		return true, nil
	case EqualFold(name, "Trailer"):
		// A trailer section must not hold fields that frame the message (RFC 9110, section 6.5.1).
		if kind == kindTrailer || HasToken(value, "Content-Length") || HasToken(value, "Transfer-Encoding") ||
			HasToken(value, "Trailer") {
			return false, reject(400, "forbidden name in Trailer")
		}
	case EqualFold(name, "Connection"):
		if l.connection(value); l.options > MaxFields {
			return false, reject(400, "too many options in Connection")
		}
	case EqualFold(name, "Upgrade"):
		if l.upgrade == "" {
			l.upgrade = value
		}
	case EqualFold(name, "Expect"):
		l.expectContinue = l.expectContinue || HasToken(value, "100-continue")
	case EqualFold(name, "TE"):
		l.teTrailers = l.teTrailers || HasToken(value, "trailers")
	}
	return false, nil
}

// connection reads the options of a Connection line that the codec handles (RFC 9110, section 7.6.1).
func (l *lines) connection(value string) {
	for value != "" {
		var option string
		option, value = NextToken(value)
		if option != "" {
			l.options++
		}
		switch {
		case EqualFold(option, "keep-alive"):
			l.keepAlive = true
		case EqualFold(option, "close"):
			l.close = true
		case EqualFold(option, "upgrade"):
			l.connectionHasUpgrade = true
		}
	}
}

// badName returns the error for a line whose name ends at the byte c.
func badName(c byte, atStart bool) *Error {
	switch {
	case c == '\n' || c == '\r':
		if atStart {
			return reject(400, "bare CR or LF in the head")
		}
		return reject(400, "field line without a colon")
	case c == ' ' || c == '\t':
		if atStart {
			return reject(400, "folded field line")
		}
		return reject(400, "white space in a field name")
	}
	return reject(400, "malformed field name")
}

// badValue returns the error for a value that ends at the byte c.
func badValue(c byte) *Error {
	if c == '\n' || c == '\r' {
		return reject(400, "bare CR or LF in the head")
	}
	return reject(400, "control character in a field value")
}
