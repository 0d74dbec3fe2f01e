package prefixes

import (
	"bytes"
	"fmt"
	"net/netip"

	"reverse-proxy/proxy/wording"
)

const (
	// MaxNetworks is the largest number of networks in a list (S-16.1).
	MaxNetworks = 100_000
	// MaxFileBytes bounds a file with a list: 128 bytes for each network.
	MaxFileBytes = 128 * MaxNetworks
	// maxProblems is how many lines of a file are reported at once.
	maxProblems = 10
)

// Parse parses a network or a single address. The problem says why the text is neither, or is "". A network of IPv4-mapped
// IPv6 addresses would match no client: the proxy unmaps the addresses of clients.
func Parse(text string) (network netip.Prefix, problem string) {
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" {
			return netip.Prefix{}, "has a zone"
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), ""
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, "is not a network"
	case network.Addr().Is4In6():
		return netip.Prefix{}, "is an IPv4 network in IPv6 form"
	case network != network.Masked():
		return netip.Prefix{}, "has bits after its length; " + wording.Quoted(network.Masked().String()) + " is the network"
	}
	return network, ""
}

// ParseList parses a file with one network on a line. What follows a `#` is a comment, and empty lines are skipped. The
// problems, at most maxProblems, say which lines are not networks; the list is valid only without any.
func ParseList(data []byte) (networks []netip.Prefix, problems []string) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for number, rest := 1, data; len(rest) > 0 && len(problems) < maxProblems; number++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line, _, _ = bytes.Cut(line, []byte("#"))
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(networks) == MaxNetworks {
			return nil, append(problems, fmt.Sprintf("line %d is one network too many; write at most %d, and larger networks", number, MaxNetworks))
		}
		network, problem := Parse(string(line))
		if problem != "" {
			problems = append(problems, fmt.Sprintf("line %d: %s %s; write one network on a line, as in 10.0.0.0/8 or 2001:db8::/32", number, wording.Quoted(clip(line)), problem))
			continue
		}
		networks = append(networks, network)
	}
	return networks, problems
}

// clip shortens a line for an error about it.
func clip(line []byte) string {
	const most = 64
	if len(line) > most {
		return string(line[:most]) + "..."
	}
	return string(line)
}
