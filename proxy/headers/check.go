package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// The limits of one rule.
const (
	// MaxNameBytes limits the length of a name.
	MaxNameBytes = 128
	// MaxValueBytes limits the length of a value as the configuration has it.
	MaxValueBytes = 8 << 10
)

// refusal is a set of names that no rule can have, with the reason.
type refusal struct {
	names  *NameSet
	reason string
}

// refusals are the names that are refused for requests and responses.
var refusals = []refusal{
	{NewNameSet(true, slices.Concat(hopByHop, []string{"Proxy-*"})),
		"it concerns a single connection, and the proxy manages its connections itself"},
	{NewNameSet(true, []string{"Content-Length"}),
		"it describes how the body is framed, and the proxy frames each body itself"},
}

// requestRefusals are the names that are refused only for requests.
var requestRefusals = []refusal{
	{NewNameSet(true, []string{RealIP, ForwardedFor, ForwardedProto, ForwardedHost, ForwardedPort, ForwardedPrefix}),
		"the proxy sets it itself, from the connection and the route"},
	{Believed, "applications trust it whoever sent it, so the proxy removes it from every request"},
	{NewNameSet(true, []string{"Expect", "Sec-WebSocket-Key"}),
		"the proxy and the upstream use it between themselves"},
}

// responseRefusals are the names that are refused only for responses.
var responseRefusals = []refusal{
	{NewNameSet(false, []string{"Date"}), "it is the time of the response, which no rule can know"},
	{NewNameSet(false, []string{"Sec-WebSocket-Accept"}), "the client and the upstream use it between themselves"},
}

// Check returns an error that says what is wrong with a rule for such a message and how to correct it. It returns nil for a
// valid rule.
func (m Message) Check(rule Rule) error {
	if err := m.checkName(rule); err != nil {
		return err
	}
	if rule.Op == Remove {
		return nil
	}
	t, err := parseValue(rule.Value)
	if err == nil && m == Request && m.Key(rule.Name) == hostKey {
		err = t.checkHost()
	}
	return err
}

// hostKey is the key of Host, the one header field that a request does not keep in its list of fields.
const hostKey = "host"

// checkName checks that a rule may change the field.
func (m Message) checkName(rule Rule) error {
	switch name := rule.Name; {
	case name == "":
		return fmt.Errorf("is empty; write the name of a header field, %s", exampleName)
	case strings.HasSuffix(name, ":"):
		return fmt.Errorf("%s has a colon; write only the name, %s", wording.Quoted(name), exampleName)
	case strings.Contains(name, "*"):
		return fmt.Errorf("%s has a *, and names cannot be patterns; write each name, %s", wording.Quoted(name), exampleName)
	case !http1.ValidToken(name):
		return fmt.Errorf("%s is not the name of a header field; write letters, digits and dashes, %s", wording.Quoted(name), exampleName)
	case len(name) > MaxNameBytes:
		return fmt.Errorf("%s has more than %d bytes; write a shorter name", wording.Quoted(name), MaxNameBytes)
	case m == Request && strings.EqualFold(name, "Host"):
		if rule.Op != Set {
			return fmt.Errorf("%s is in every request, so it can only be set; write it in set, as in { Host = \"app.internal\" }", wording.Quoted(name))
		}
		return nil
	case m == Response && rule.Op == Set && strings.EqualFold(name, "Set-Cookie"):
		return fmt.Errorf("%s cannot be set, because that would replace every cookie of the application; write it in default, or let the application set it", wording.Quoted(name))
	}
	further := requestRefusals
	if m == Response {
		further = responseRefusals
	}
	for _, refused := range slices.Concat(refusals, further) {
		if refused.names.Has(rule.Name) {
			return fmt.Errorf("%s cannot have a rule: %s; leave it out", wording.Quoted(rule.Name), refused.reason)
		}
	}
	return nil
}

// exampleName shows the form of a name.
const exampleName = `as in "X-Frame-Options"`

// checkValue checks that text can be a field value (RFC 9110, section 5.5).
func checkValue(text string) error {
	switch {
	case text == "":
		return errors.New("is empty; write a value, or the name in remove")
	case len(text) > MaxValueBytes:
		return fmt.Errorf("has %d bytes; at most %d are allowed", len(text), MaxValueBytes)
	case strings.ContainsAny(text, "\r\n"):
		return errors.New("has a line break, which would end the header field; write the value on one line")
	case text != strings.Trim(text, " \t"):
		return errors.New("begins or ends with a blank, which cannot be part of a value; remove the blank")
	case !http1.ValidValue(text):
		return errors.New("has a control character, which a header field cannot contain; leave it out")
	}
	return nil
}
