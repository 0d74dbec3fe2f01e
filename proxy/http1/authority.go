package http1

import (
	"net/netip"
	"strings"
)

// validAuthority reports whether s is a host with an optional port (RFC 3986, sections 3.2.2 and 3.2.3). The host is a
// name, an IPv4 address, or an IPv6 address in brackets, and not empty. User information is refused (RFC 9110, section
// 4.2.4). So is percent-encoding, which would give one host several spellings and which no client sends.
func validAuthority(s string) bool {
	host, port := s, ""
	if s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		host, port = s[1:end], s[end+1:]
		address, err := netip.ParseAddr(host)
		return err == nil && address.Is6() && address.Zone() == "" && validPortSuffix(port)
	}
	for i := range len(s) {
		if class[s[i]]&classHost == 0 {
			host, port = s[:i], s[i:]
			break
		}
	}
	return host != "" && validPortSuffix(port)
}

// validPortSuffix reports whether s may follow a host: it is empty, a lone colon, or a colon and a port up to 65535
// (RFC 3986, section 3.2.3).
func validPortSuffix(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	port := 0
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return port <= 65535
}
