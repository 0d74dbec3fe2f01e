package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Upstream is one of the upstreams to which a site or a route forwards.
type Upstream struct {
	// Address is the `host:port` that requests are forwarded to, or `unix:` and the path of a socket.
	Address string
	// Weight is the upstream's share of the requests, relative to the weights of the others; at least 1.
	Weight int
	// Backup reports whether the upstream gets requests only when all others are down.
	Backup bool
}

// String returns the address, followed by the weight and the role if they are not the defaults.
func (u Upstream) String() string {
	text := u.Address
	if u.Weight > 1 {
		text += fmt.Sprintf(" weight %d", u.Weight)
	}
	if u.Backup {
		text += " backup"
	}
	return text
}

// Upstreams are the upstreams of a site or a route, in the order of the file; nil for none.
type Upstreams []Upstream

// OneUpstream returns a list with one upstream, which is what the key `upstream` means; nil for "".
func OneUpstream(address string) Upstreams {
	if address == "" {
		return nil
	}
	return Upstreams{{Address: address, Weight: 1}}
}

// String lists the upstreams on one line; it is "" for none.
func (u Upstreams) String() string {
	texts := make([]string, len(u))
	for i, upstream := range u {
		texts[i] = upstream.String()
	}
	return strings.Join(texts, ", ")
}

// socketPrefix is the beginning of an upstream's address that is a Unix socket.
const socketPrefix = "unix:"

// SocketPath returns the path of an upstream that is a Unix socket, or false.
func SocketPath(upstream string) (path string, ok bool) {
	return strings.CutPrefix(upstream, socketPrefix)
}

// Single returns the address if there is exactly one upstream, else "".
func (u Upstreams) Single() string {
	if len(u) == 1 {
		return u.String()
	}
	return ""
}

// Several lists the upstreams if there is more than one, else it returns "".
func (u Upstreams) Several() string {
	if len(u) > 1 {
		return u.String()
	}
	return ""
}

// CheckedHost returns the host in the requests that check the site's upstreams: the first of the site's names that is
// not a wildcard, or else a name that its wildcard covers.
func (s Site) CheckedHost() string {
	for _, name := range s.Names() {
		if _, wildcard := IsWildcard(name); !wildcard {
			return name
		}
	}
	rest, _ := IsWildcard(s.Host)
	return "health-check." + rest
}

// SplitUpstream splits a valid `host:port`; the host has no brackets.
func SplitUpstream(upstream string) (host string, port int) {
	host, text, _ := net.SplitHostPort(upstream) // validation has refused invalid ones
	port, _ = strconv.Atoi(text)
	return host, port
}
