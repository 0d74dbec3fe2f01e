package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// configFile names a configuration file on the admin socket. A command may carry the file that its sender expects the
// daemon to use, and the daemon refuses the command if it uses another one (S-1.7). On the wire it is a JSON object after
// the command, as in `reload {"config":"/etc/reverse-proxy/config.toml"}`.
type configFile struct {
	// Path is absolute.
	Path string `json:"config"`
	// Device and Inode identify the file that the sender found at Path. They match the daemon's file under another name:
	// through a symbolic link, or through a bind mount that the daemon does not see. Both are 0 if the sender cannot look
	// at the file.
	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
}

// newConfigFile describes the file at path as it is now.
func newConfigFile(path string) (configFile, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return configFile{}, fmt.Errorf("%s: %w", path, err)
	}
	file := configFile{Path: absolute}
	if info, err := os.Stat(absolute); err == nil {
		file.Device, file.Inode = fileIdentity(info)
	}
	return file, nil
}

// is reports whether f and the file at path are the same configuration file. The same absolute path is enough: a deployment
// may have replaced the file since the sender looked at it.
func (f configFile) is(path string) bool {
	if filepath.Clean(f.Path) == filepath.Clean(path) {
		return true
	}
	if f.Inode == 0 {
		return false
	}
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	device, inode := fileIdentity(info)
	return device == f.Device && inode == f.Inode
}

// withConfigFile appends the expected file to a command.
func withConfigFile(command string, file configFile) string {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	encoder.Encode(file) // a struct of strings and numbers cannot fail
	return command + " " + strings.TrimSuffix(line.String(), "\n")
}

// cutConfigFile splits a command from the expected file, which is nil for a command without one. An object that is not
// exactly a configFile is errInput: a condition unknown to this version must not be ignored.
func cutConfigFile(line string) (command string, file *configFile, err error) {
	command, object, found := strings.Cut(line, " ")
	if !found || !strings.HasPrefix(object, "{") {
		return line, nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(object))
	decoder.DisallowUnknownFields()
	file = new(configFile)
	if decoder.Decode(file) != nil || !filepath.IsAbs(file.Path) {
		return "", nil, errInput
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", nil, errInput
	}
	return command, file, nil
}

// wrongConfigText is the message for a command that expects another file than the daemon's.
func wrongConfigText(running, expected string) string {
	return fmt.Sprintf("this daemon runs %s, not %s; nothing was changed; name the right file, or leave --config out and "+
		"name the daemon's socket with --socket", running, expected)
}
