package config

import (
	"crypto/sha256"
	"encoding/hex"
)

// Load reads, parses and validates the configuration file at path. The start, a reload and `--validate` all get their
// Config here (S-1.2, S-3.2). allowWildcardBind is the command-line flag, which is OR-ed with the file's key (S-1.3).
//
// The error is an Errors that holds everything that is wrong, in the order of the file. An error of the file itself
// (unreadable, too long, not TOML) is a single KeyError without a key, whose text begins with the path. Load opens
// nothing for writing, and creates and binds nothing.
func Load(path string, allowWildcardBind bool) (*Config, error) {
	data, err := ReadStableFile(path, MaxBytes, nil)
	return configFromRead(path, data, err, allowWildcardBind)
}

// Reload is Load for a running daemon: it waits for a file that is being replaced (S-2.32), until stop is closed.
func Reload(path string, allowWildcardBind bool, stop <-chan struct{}) (*Config, error) {
	data, err := readSettledFile(path, MaxBytes, stop)
	return configFromRead(path, data, err, allowWildcardBind)
}

// configFromRead is the part of Load after the read, which has returned data or an error.
func configFromRead(path string, data []byte, err error, allowWildcardBind bool) (*Config, error) {
	if err != nil {
		return nil, Errors{{Problem: path + ": " + err.Error()}}
	}
	return FromBytes(path, data, allowWildcardBind, systemEnvironment())
}

// FromBytes parses and validates data as the contents of the file at path.
func FromBytes(path string, data []byte, allowWildcardBind bool, env Environment) (*Config, error) {
	if err := checkText(data); err != nil {
		return nil, Errors{{Problem: path + ": " + err.Error()}}
	}
	raw, problems, err := parseConfig(data)
	if err != nil {
		return nil, Errors{{Problem: path + ": " + err.Error()}}
	}
	cfg := validate(raw, path, allowWildcardBind, env, problems)
	if errs := problems.sorted(); len(errs) > 0 {
		return nil, located(errs, problems.places, raw.siteHosts())
	}
	cfg.Hash, cfg.Text = HashOf(data), data
	return cfg, nil
}

// HashOf is the lower-case hexadecimal SHA-256 of a file's contents.
func HashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
