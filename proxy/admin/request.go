package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// request is what a client asks: a command with its arguments, and the configuration file that it expects the daemon to use.
// On the wire arguments and file are a JSON object after the command, as in `reload {"config":"/etc/reverse-proxy/config.toml"}`
// or `resume {"arguments":{"host":"example.com"}}`.
type request struct {
	command string
	requestObject
}

// requestObject is what follows the command.
type requestObject struct {
	configFile
	// Arguments is an object whose keys depend on the command; nil for a command without arguments.
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// line renders the request for the wire, without a line end.
func (r request) line() string {
	if r.Path == "" && r.Arguments == nil {
		return r.command
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	encoder.Encode(r.requestObject) // strings, numbers and valid JSON cannot fail
	return r.command + " " + strings.TrimSuffix(line.String(), "\n")
}

// parseRequest is the inverse of line. An object with other keys is errInput: a condition unknown to this version must not be
// ignored.
func parseRequest(line string) (request, error) {
	command, object, found := strings.Cut(line, " ")
	if !found || !strings.HasPrefix(object, "{") {
		return request{command: line}, nil
	}
	r := request{command: command}
	decoder := json.NewDecoder(strings.NewReader(object))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&r.requestObject) != nil {
		return request{}, errInput
	}
	if _, err := decoder.Token(); err != io.EOF {
		return request{}, errInput
	}
	switch {
	case string(r.Arguments) == "null",
		r.Path == "" && (r.Arguments == nil || r.Device != 0 || r.Inode != 0),
		r.Path != "" && !filepath.IsAbs(r.Path):
		return request{}, errInput
	}
	return r, nil
}

// expects reports whether the request may be carried out by a daemon that runs the configuration file at path.
func (r request) expects(path string) bool { return r.Path == "" || r.is(path) }

// arguments decodes the arguments of a command that takes some. Like errInput, an error changes nothing: unknown arguments
// are never ignored.
func arguments[A any](r request) (args A, err error) {
	decoder := json.NewDecoder(bytes.NewReader(r.Arguments))
	decoder.DisallowUnknownFields()
	if r.Arguments == nil || decoder.Decode(&args) != nil {
		return args, fmt.Errorf("%w: %s takes other arguments", errInput, r.command)
	}
	return args, nil
}
