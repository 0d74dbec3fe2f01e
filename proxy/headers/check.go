package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/wording"
)

// The bounds of one rule.
const (
	// MaxNameBytes bounds a name.
	MaxNameBytes = 128
	// MaxValueBytes bounds a value, as it is written.
	MaxValueBytes = 8 << 10
)

// refusal is a list of names that no rule can have, and the reason.
type refusal struct {
	names  *NameSet
	reason string
}

// refusals are the names refused in both kinds of messages.
var refusals = []refusal{
	{NewNameSet(true, slices.Concat(hopByHop, []string{"Proxy-*"})),
		"it is about one connection, and the proxy looks after those to the client and to the upstream itself"},
	{NewNameSet(true, []string{"Content-Length"}),
		"it says where the body ends, and the proxy knows that from the body"},
}

// requestRefusals are those refused only in requests.
var requestRefusals = []refusal{
	{NewNameSet(true, []string{RealIP, ForwardedFor, ForwardedProto, ForwardedHost, ForwardedPort, ForwardedPrefix}),
		"the proxy sets it itself, from the connection and the route"},
	{Believed, "applications believe it from any proxy, so the proxy removes it from every request"},
	{NewNameSet(true, []string{"Expect", "Sec-WebSocket-Key"}),
		"it is part of how the proxy and the upstream talk to each other"},
}

// responseRefusals are those refused only in responses.
var responseRefusals = []refusal{
	{NewNameSet(false, []string{"Date"}), "it is the time of the response, which no rule can know"},
	{NewNameSet(false, []string{"Sec-WebSocket-Accept"}), "it is part of how the client and the upstream talk to each other"},
}

// Check returns what is wrong with a rule for such a message, and what would be right, or nil.
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

// hostKey is the key of the one field that is not among the fields of a request.
const hostKey = "host"

// checkName checks that a rule may be about the field.
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
		return fmt.Errorf("%s cannot be set, because that would take away every cookie of the application; write it in default, or let the application set it", wording.Quoted(name))
	}
	further := requestRefusals
	if m == Response {
		further = responseRefusals
	}
	for _, refused := range slices.Concat(refusals, further) {
		if refused.names.Has(rule.Name) {
			return fmt.Errorf("%s is not for rules: %s; leave it out", wording.Quoted(rule.Name), refused.reason)
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
		return fmt.Errorf("has %d bytes; a value has at most %d", len(text), MaxValueBytes)
	case strings.ContainsAny(text, "\r\n"):
		return errors.New("has a line break, which would end the header field; write the value on one line")
	case text != strings.Trim(text, " \t"):
		return errors.New("has a blank at its beginning or end, which is not part of a value; write it without")
	case !http1.ValidValue(text):
		return errors.New("has a control character, which no header field may have; leave it out")
	}
	return nil
}
