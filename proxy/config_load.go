package proxy

import (
	"crypto/sha256"
	"encoding/hex"
)

// LoadConfig reads, parses and validates the configuration file at path. It is the one way to a Config, at startup, at
// a reload and for `--validate` (S-1.2, S-3.2). allowWildcardBind is the command-line flag, which is OR-ed with the
// file's key every time (S-1.3).
//
// The error is a ConfigErrors that holds everything that is wrong, in the order of the file. A fault of the file itself
// (unreadable, too long, no TOML) is a single KeyError without a key, whose text begins with the path. Nothing is
// opened for writing, created or bound.
func LoadConfig(path string, allowWildcardBind bool) (*Config, error) {
	data, err := readStableFile(path, maxConfigBytes, nil)
	return configFromRead(path, data, err, allowWildcardBind)
}

// reloadConfig is LoadConfig for a running daemon, which waits for a file that is being replaced (S-2.32). It waits no
// longer when stop is closed.
func reloadConfig(path string, allowWildcardBind bool, stop <-chan struct{}) (*Config, error) {
	data, err := readSettledFile(path, maxConfigBytes, stop)
	return configFromRead(path, data, err, allowWildcardBind)
}

// configFromRead is LoadConfig after the read, which has returned data or an error.
func configFromRead(path string, data []byte, err error, allowWildcardBind bool) (*Config, error) {
	if err != nil {
		return nil, ConfigErrors{{Problem: path + ": " + err.Error()}}
	}
	return configFromBytes(path, data, allowWildcardBind, systemEnvironment())
}

// configFromBytes parses and validates data as the contents of the file at path.
func configFromBytes(path string, data []byte, allowWildcardBind bool, env environment) (*Config, error) {
	if err := checkText(data); err != nil {
		return nil, ConfigErrors{{Problem: path + ": " + err.Error()}}
	}
	raw, problems, err := parseConfig(data)
	if err != nil {
		return nil, ConfigErrors{{Problem: path + ": " + err.Error()}}
	}
	cfg := validate(raw, path, allowWildcardBind, env, problems)
	if errs := problems.sorted(); len(errs) > 0 {
		return nil, errs
	}
	cfg.Hash = hashOf(data)
	return cfg, nil
}

// hashOf is the lower-case hexadecimal SHA-256 of a file's contents.
func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
