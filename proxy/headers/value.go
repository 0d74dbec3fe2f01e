package headers

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// Placeholder is a part of a value that differs from request to request.
type Placeholder uint8

// The placeholders.
const (
	// ClientIP is the client's address: `{client_ip}`.
	ClientIP Placeholder = iota + 1
	// Host is the host that the request is for, lower-cased and without a port: `{host}`. It is empty if the request names
	// no valid one.
	Host
	// RequestID identifies the request: `{request_id}`.
	RequestID
	// Scheme is that of the request's URL: `{scheme}`.
	Scheme
)

// placeholders lists the placeholders with their names, and how long what they are replaced by can be.
var placeholders = [...]struct {
	is   Placeholder
	name string
	most int
}{
	{ClientIP, "{client_ip}", len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%") + 15}, // with the name of an interface
	{Host, "{host}", 253},
	{RequestID, "{request_id}", 128},
	{Scheme, "{scheme}", len("https")},
}

// someNames names all placeholders.
const someNames = "{client_ip}, {host}, {request_id} and {scheme}"

// Values provides what placeholders are replaced by. All of it must be valid in a field value, and stay unchanged as long as
// the message is used.
type Values interface {
	HeaderValue(Placeholder) string
}

// value is a parsed value. It is a text, or a list of parts if it has placeholders.
type value struct {
	text  string
	parts []part
	// most is the greatest length that the value can have.
	most int
}

// part is a text between placeholders, or a placeholder.
type part struct {
	text string
	is   Placeholder
}

// parseValue parses a value: text in which `{name}` is a placeholder, `{{` a brace that opens and `}}` one that closes.
func parseValue(text string) (value, error) {
	if err := checkValue(text); err != nil {
		return value{}, err
	}
	if !strings.ContainsAny(text, "{}") {
		return value{text: text, most: len(text)}, nil
	}
	var v value
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			v.parts = append(v.parts, part{text: literal.String()})
			v.most += literal.Len()
			literal.Reset()
		}
	}
	for rest := text; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal.WriteByte(rest[0])
			rest = rest[2:]
		case rest[0] == '}':
			return value{}, errors.New("has a } that does not end a placeholder; write }} for a brace")
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}') + 1
			if end == 0 {
				return value{}, fmt.Errorf("has a { that does not begin a placeholder; write {{ for a brace, or one of %s", someNames)
			}
			is, most := placeholderOf(rest[:end])
			if is == 0 {
				return value{}, fmt.Errorf("has %s, which is not a placeholder; write one of %s, or {{ and }} for braces", wording.Quoted(rest[:end]), someNames)
			}
			flush()
			v.parts = append(v.parts, part{is: is})
			v.most += most
			rest = rest[end:]
		default:
			literal.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	if len(v.parts) == 0 {
		return value{text: literal.String(), most: literal.Len()}, nil
	}
	flush()
	return v, nil
}

// placeholderOf returns the placeholder that is written in that way, or 0, and the greatest length of what it becomes.
func placeholderOf(written string) (is Placeholder, most int) {
	for _, known := range placeholders {
		if written == known.name {
			return known.is, known.most
		}
	}
	return 0, 0
}

// checkHost checks that the value can be that of Host (RFC 9110, section 7.2).
func (v *value) checkHost() error {
	for _, p := range v.parts {
		if p.is != 0 && p.is != Host {
			return errors.New("has a placeholder that is not part of a host; write a host with an optional port, or {host}")
		}
	}
	text, _ := v.expand(exampleValues{}, nil)
	if _, ok := http1.SplitAuthority(text); !ok || !http1.ValidAuthority(text) {
		return errors.New("is not a host with an optional port; write one, as in \"app.internal\" or \"{host}:8443\"")
	}
	return nil
}

// exampleValues replaces {host} by a short name.
type exampleValues struct{}

// HeaderValue implements Values.
func (exampleValues) HeaderValue(Placeholder) string { return "a.example" }

// expand returns the value with its placeholders replaced. What it has to put together it appends to scratch, which it
// returns: the value is valid as long as those bytes are not written to.
func (v *value) expand(from Values, scratch []byte) (text string, appended []byte) {
	switch len(v.parts) {
	case 0:
		return v.text, scratch
	case 1:
		return from.HeaderValue(v.parts[0].is), scratch
	}
	start := len(scratch)
	for i := range v.parts {
		if p := &v.parts[i]; p.is == 0 {
			scratch = append(scratch, p.text...)
		} else {
			scratch = append(scratch, from.HeaderValue(p.is)...)
		}
	}
	// A host that is empty may leave a blank at an end, which HTTP/2 does not allow (RFC 9113, section 8.2.1).
	end := len(scratch)
	for start < end && isBlank(scratch[start]) {
		start++
	}
	for start < end && isBlank(scratch[end-1]) {
		end--
	}
	if start == end {
		return "", scratch
	}
	return unsafe.String(&scratch[start], end-start), scratch
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
