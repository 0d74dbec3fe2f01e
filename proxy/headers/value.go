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

const (
	// ClientIP is the client's address: `{client_ip}`.
	ClientIP Placeholder = iota + 1
	// Host is the request's host in lower case, without a port: `{host}`. It is empty if the request has no valid one.
	Host
	// RequestID identifies the request: `{request_id}`.
	RequestID
	// Scheme is the scheme of the request's URL: `{scheme}`.
	Scheme
)

// placeholders lists the placeholders with their names and the greatest length of what replaces them.
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

// Values provides the texts that replace placeholders. They must be valid in a field value, and must not change while the
// message is in use.
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

// part is a placeholder, or the text between two of them.
type part struct {
	text string
	is   Placeholder
}

// parseValue parses a value, in which `{name}` is a placeholder, `{{` an opening brace and `}}` a closing one.
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

// placeholderOf returns the placeholder with that spelling and the greatest length of what replaces it, or 0 if there is
// none.
func placeholderOf(written string) (is Placeholder, most int) {
	for _, known := range placeholders {
		if written == known.name {
			return known.is, known.most
		}
	}
	return 0, 0
}

// checkHost checks that the value is valid for Host (RFC 9110, section 7.2).
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

// exampleValues replaces {host} with a short name.
type exampleValues struct{}

// HeaderValue implements Values.
func (exampleValues) HeaderValue(Placeholder) string { return "a.example" }

// expand returns the value with its placeholders replaced. If it has to assemble the value, it appends it to scratch, which
// it returns. The value is valid until those bytes are overwritten.
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
	// An empty host may leave a blank at either end, which HTTP/2 does not allow (RFC 9113, section 8.2.1).
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
