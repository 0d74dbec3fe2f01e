package proxy

import (
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"
)

// defaultAdminSocketPath is where the admin socket is when the file names no path.
const defaultAdminSocketPath = "/run/reverse-proxy/admin.sock"

// adminSocketPathIn reads where the admin socket of a configuration is, for the commands that talk to it. It validates
// nothing else: whether the file is right is for the daemon to say, and it cannot be asked without its socket. A file
// that is no TOML at all leaves the default path, as that is where most daemons are.
func adminSocketPathIn(configPath string) (string, error) {
	contents, err := readStableFile(configPath, maxConfigBytes, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", configPath, err)
	}
	only := struct {
		Path string `toml:"admin_socket_path"`
	}{Path: defaultAdminSocketPath}
	if _, err := toml.Decode(string(contents), &only); err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return defaultAdminSocketPath, nil
		}
		return "", fmt.Errorf("%s: %w", configPath, err)
	}
	if only.Path == "" {
		return "", fmt.Errorf("%s: admin_socket_path: the admin socket is disabled", configPath)
	}
	return only.Path, nil
}
