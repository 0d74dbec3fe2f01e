package admin

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"reverse-proxy/proxy/config"
)

// SocketPathIn reads the path of the admin socket from a configuration, for the commands that talk to the daemon.
// It validates nothing else: the daemon decides whether the file is right. A file that cannot be read, is not TOML or
// lacks the key is an error and never means the default path: the daemon there may be another one (S-1.7).
func SocketPathIn(configPath string) (string, error) {
	contents, err := config.ReadStableFile(configPath, config.MaxBytes, nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", configPath, err)
	}
	path, err := socketPathOf(contents)
	if err != nil {
		return "", fmt.Errorf("%s: %w", configPath, err)
	}
	return path, nil
}

// socketPathOf finds the path in the text of a configuration. The errors do not name the file.
func socketPathOf(contents []byte) (string, error) {
	if len(bytes.TrimSpace(contents)) == 0 {
		return "", errors.New("is empty, so it does not say where the admin socket is")
	}
	tree, err := config.DecodeTOML(contents)
	if err != nil {
		return "", err
	}
	if len(tree) == 0 {
		return "", errors.New("holds no key, so it does not say where the admin socket is")
	}
	const key = "admin_socket_path"
	refused := func(problem string) (string, error) {
		return "", config.KeyError{Key: key, Problem: problem, Line: config.LineOf(contents, key)}
	}
	value, found := tree[key]
	if !found {
		return config.DefaultAdminSocketPath, nil
	}
	path, ok := value.(string)
	switch {
	case !ok:
		return refused("must be a string")
	case path == "":
		return refused("the admin socket is disabled")
	case !filepath.IsAbs(path):
		return refused("must be an absolute path")
	}
	return path, nil
}
