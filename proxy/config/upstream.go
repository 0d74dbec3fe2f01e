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
	// Weight is the upstream's part of the requests, compared with those of the others; at least 1.
	Weight int
	// Backup reports whether the upstream gets requests only when all others are down.
	Backup bool
}

// String returns the address, with the weight and the role if they are not the usual ones.
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

// OneUpstream returns the list of one upstream, which is what `upstream` is short for; nil for "".
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

// socketPrefix begins the address of an upstream that is a Unix socket.
const socketPrefix = "unix:"

// SocketPath returns the path of an upstream that is a Unix socket, or false.
func SocketPath(upstream string) (path string, ok bool) {
	return strings.CutPrefix(upstream, socketPrefix)
}

// Single returns the address of the only upstream, and Several the list of more than one; each is "" in the other case.
func (u Upstreams) Single() string {
	if len(u) == 1 {
		return u.String()
	}
	return ""
}

// Several is the counterpart of Single.
func (u Upstreams) Several() string {
	if len(u) > 1 {
		return u.String()
	}
	return ""
}

// CheckedHost returns the host that checks of the site's upstreams ask for: that of the site, or for a wildcard its first name
// that is not one, or else a name that the wildcard covers.
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
