package config

import (
	"fmt"

	"reverse-proxy/proxy/wording"
)

// Report returns the one line that `--validate` prints for a good configuration (S-1.2), as in `configuration OK:
// /etc/reverse-proxy/config.toml: 2 listeners, 3 sites`.
func Report(cfg *Config) string {
	return fmt.Sprintf("configuration OK: %s: %s, %s", cfg.Path, wording.Count(len(cfg.Listeners), "listener"), wording.Count(SiteCount(cfg), "site"))
}

// SiteCount returns the number of sites over all listeners.
func SiteCount(cfg *Config) int {
	sites := 0
	for _, listener := range cfg.Listeners {
		sites += len(listener.Sites)
	}
	return sites
}
