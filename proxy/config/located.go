package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// siteHosts are the hosts of the sites of a configuration, by listener.
type siteHosts [][]string

// Located returns err with a line and a host added to each configuration error in it (S-1.8): err is an Errors, a
// KeyError, or several of them joined. Other errors, and those that already have a line, are returned unchanged.
func (c *Config) Located(err error) error {
	if err == nil || c == nil {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts := slices.Clone(joined.Unwrap())
		for i := range parts {
			parts[i] = c.Located(parts[i])
		}
		return errors.Join(parts...)
	}
	switch err := err.(type) {
	case Errors:
		return c.LocatedErrors(err)
	case KeyError:
		return c.LocatedErrors(Errors{err})[0]
	}
	return err
}

// LocatedErrors returns the errors with their lines and hosts.
func (c *Config) LocatedErrors(errs Errors) Errors {
	if len(errs) == 0 {
		return errs
	}
	hosts := make(siteHosts, len(c.Listeners))
	for i, listener := range c.Listeners {
		for _, site := range listener.Sites {
			hosts[i] = append(hosts[i], site.Host)
		}
	}
	return located(errs, findPlaces(c.Text), hosts)
}

// siteHosts returns the hosts of the file.
func (raw *rawConfig) siteHosts() siteHosts {
	hosts := make(siteHosts, len(raw.Listeners))
	for i, listener := range raw.Listeners {
		for _, site := range listener.Sites {
			hosts[i] = append(hosts[i], strings.ToLower(orDefault(site.Host, "")))
		}
	}
	return hosts
}

// located returns the errors with the lines and hosts of their keys.
func located(errs Errors, in places, hosts siteHosts) Errors {
	result := slices.Clone(errs)
	for i := range result {
		if e := &result[i]; e.Line == 0 {
			at, _ := in.of(e.Key)
			e.Line, e.Host = at.line, hosts.of(e.Key)
		}
	}
	return result
}

// of returns the host of the site to which the key belongs, or "" if there is none. It also returns "" for a host
// that is not a valid name, which could forge a line.
func (h siteHosts) of(key string) string {
	var listener, site int
	if n, _ := fmt.Sscanf(key, "listeners[%d].sites[%d]", &listener, &site); n != 2 {
		return ""
	}
	if listener >= len(h) || site >= len(h[listener]) {
		return ""
	}
	host := h[listener][site]
	if below, _ := IsWildcard(host); hostnameProblem(below) != "" {
		return ""
	}
	return host
}
