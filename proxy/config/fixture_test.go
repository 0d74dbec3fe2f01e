package config

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config/configtest"
)

// configEnvironment returns an environment with a known time and descriptor limit.
func configEnvironment() Environment {
	return Environment{
		Now:             func() time.Time { return configtest.Now },
		DescriptorLimit: func() uint64 { return 4096 },
	}
}

// parseText validates text as a configuration file in dir.
func parseText(dir, text string) (*Config, error) {
	return FromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), false,
		configEnvironment())
}

// configErrorLines returns the lines of an Errors without the places of the keys, so that examples may be edits of a
// common text. It writes DIR for the test's directory. For nil it returns none.
func configErrorLines(t *testing.T, dir string, err error) []string {
	t.Helper()
	if errs, ok := errors.AsType[Errors](err); ok {
		err = slices.Clone(errs)
		for i := range err.(Errors) {
			err.(Errors)[i].Line, err.(Errors)[i].Host = 0, ""
		}
	}
	return locatedErrorLines(t, dir, err)
}

// locatedErrorLines returns the lines of an Errors as they are reported.
func locatedErrorLines(t *testing.T, dir string, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[Errors](err)
	if !ok {
		t.Fatalf("the error is a %T (%v), want Errors", err, err)
	}
	lines := errs.Lines()
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], dir, "DIR")
	}
	return lines
}
