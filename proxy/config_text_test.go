package proxy

import (
	"path/filepath"
	"strings"
	"time"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/config/configtest"
)

// configOf validates text as a configuration file in dir, with a fixed time and a fixed limit of descriptors.
func configOf(dir, text string, allowWildcardBind bool) (*config.Config, error) {
	known := config.Environment{Now: func() time.Time { return configtest.Now }, DescriptorLimit: func() uint64 { return 4096 }}
	return config.FromBytes(filepath.Join(dir, "config.toml"), []byte(strings.ReplaceAll(text, "DIR", dir)), allowWildcardBind, known)
}
