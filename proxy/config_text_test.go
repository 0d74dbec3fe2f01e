package proxy

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/config/configtest"
)

// configOf validates text as a configuration file in dir, at a known time and with a known limit of descriptors.
func configOf(dir, text string, allowWildcardBind bool) (*Config, error) {
	known := environment{now: func() time.Time { return configtest.Now }, descriptorLimit: func() uint64 { return 4096 }}
	return configFromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), allowWildcardBind, known)
}

// quietLogger returns a Logger whose lines nobody reads.
func quietLogger(t *testing.T) *Logger {
	t.Helper()
	log, err := NewLogger(LoggingConfig{}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return log
}
