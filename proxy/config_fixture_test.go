package proxy

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config/configtest"
)

// configEnvironment is an environment of known time and descriptor limit.
func configEnvironment() environment {
	return environment{
		now:             func() time.Time { return configtest.Now },
		descriptorLimit: func() uint64 { return 4096 },
	}
}

// parseText validates text as a configuration file in dir.
func parseText(dir, text string) (*Config, error) {
	return configFromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), false,
		configEnvironment())
}

// configErrorLines are the lines of a ConfigErrors, with the test's directory written as DIR; none for nil.
func configErrorLines(t *testing.T, dir string, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	errs, ok := errors.AsType[ConfigErrors](err)
	if !ok {
		t.Fatalf("the error is a %T (%v), want ConfigErrors", err, err)
	}
	lines := errs.Lines()
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], dir, "DIR")
	}
	return lines
}
