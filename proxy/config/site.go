package config

import (
	"slices"
	"strings"
)

// Names are all names of the site: the host, then its aliases.
func (s Site) Names() []string { return slices.Concat([]string{s.Host}, s.Aliases) }

// NameKeys returns the key of each of Names, for the site at the given key.
func (s Site) NameKeys(key string) []string {
	keys := []string{ChildKey(key, "host")}
	for i := range s.Aliases {
		keys = append(keys, IndexKey(ChildKey(key, "aliases"), i))
	}
	return keys
}

// IsWildcard reports whether a site's name is a wildcard, and returns the part after its `*.`.
func IsWildcard(name string) (rest string, ok bool) { return strings.CutPrefix(name, "*.") }

// Forward is an upstream of a site or of one of its routes.
type Forward struct {
	// Key is the key of the site or the route.
	Key string
	// Upstream is one of its upstreams and UpstreamKey the key of that. Several reports whether there are others.
	Upstream    Upstream
	UpstreamKey string
	Several     bool
	Settings
}

// Forwards lists where the site at the given key and its routes forward to.
func (s Site) Forwards(key string) []Forward {
	var forwards []Forward
	add := func(key string, upstreams Upstreams, settings Settings) {
		for i, upstream := range upstreams {
			at := ChildKey(key, "upstream")
			if len(upstreams) > 1 {
				at = IndexKey(ChildKey(key, "upstreams"), i)
			}
			forwards = append(forwards, Forward{key, upstream, at, len(upstreams) > 1, settings})
		}
	}
	add(key, s.Upstreams, s.Settings)
	for i, route := range s.Routes {
		add(IndexKey(ChildKey(key, "routes"), i), route.Upstreams, route.Settings)
	}
	return forwards
}
