package admin

import (
	"fmt"
	"os"
	"path/filepath"
)

// configFile names a configuration file on the admin socket. A command may carry the file that its sender expects the
// daemon to use, and the daemon refuses the command if it uses another one (S-1.7).
type configFile struct {
	// Path is absolute.
	Path string `json:"config,omitempty"`
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

// wrongConfigText is the message for a command that expects another file than the daemon's.
func wrongConfigText(running, expected string) string {
	return fmt.Sprintf("this daemon runs %s, not %s; nothing was changed; name the right file, or leave --config out and "+
		"name the daemon's socket with --socket", running, expected)
}
