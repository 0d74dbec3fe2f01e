// Package clientaddr finds the client of a request that may have come through proxies (S-15.1). It knows no sockets and no
// configuration.
package clientaddr

import (
	"net/netip"
	"strings"

	"reverse-proxy/proxy/http1"
)

// Trusted is a set of addresses of proxies whose word counts.
type Trusted interface{ Contains(netip.Addr) bool }

// End is why the search for the client ended.
type End uint8

const (
	// PeerNotTrusted means that the peer is the client: it is not a trusted proxy, and nothing that it says counts.
	PeerNotTrusted End = iota
	// Untrusted means that the client is the first address that is not a trusted proxy's.
	Untrusted
	// NotAnAddress means that the next element was not an address. The client is the last address before it.
	NotAnAddress
	// NoMore means that there was no further element. The client is the last address.
	NoMore
)

// Found is the result of a search.
type Found struct {
	// Client is the client's address, with IPv4-mapped addresses unmapped.
	Client netip.Addr
	// Line is the index of the field line with the client's address, and At the offset in its value; Line is -1 if the
	// client is the peer.
	Line, At int
	// Length is the number of bytes of the element at the offset.
	Length int
	// End is why the search ended.
	End End
}

// Find returns the client of a request that came from the peer. If that is trusted, Find reads the elements of all lines with
// the name from the right to the left, as proxies append to the right: the client is the first address that is not trusted,
// and whatever is to the left of it may have been sent by the client itself. What is not an address ends the search, also an
// empty element: a trusted proxy that could not name its client must not make the text before it count. Find allocates
// nothing unless an element looks like an address but is not one.
func Find(peer netip.Addr, fields http1.Fields, name string, trusted Trusted) Found {
	found := Found{Client: peer, Line: -1}
	if !trusted.Contains(peer) {
		return found
	}
	found.End = NoMore
	for line := len(fields) - 1; line >= 0; line-- {
		if !http1.EqualFold(fields[line].Name, name) {
			continue
		}
		for rest := fields[line].Value; ; {
			at := strings.LastIndexByte(rest, ',') + 1
			start, length := trim(rest, at)
			addr, ok := parse(rest[start : start+length])
			if !ok {
				found.End = NotAnAddress
				return found
			}
			found.Client, found.Line, found.At, found.Length = addr, line, start, length
			if !trusted.Contains(addr) {
				found.End = Untrusted
				return found
			}
			if at == 0 {
				break
			}
			rest = rest[:at-1]
		}
	}
	return found
}

// trim returns the offset and the length, without white space around it, of the last element of a list, which begins at an
// offset.
func trim(list string, at int) (start, length int) {
	end := len(list)
	for at < end && isSpace(list[at]) {
		at++
	}
	for at < end && isSpace(list[end-1]) {
		end--
	}
	return at, end - at
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// parse parses an address as proxies write it: by itself or with a port, for which an IPv6 address is in brackets. Names,
// obfuscated identifiers and zones, which mean nothing on another machine, are not addresses. Nor are those that no client
// can have.
func parse(text string) (netip.Addr, bool) {
	if text == "" || len(text) > len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535") {
		return netip.Addr{}, false
	}
	for i := range len(text) {
		if !isAddressByte(text[i]) {
			return netip.Addr{}, false
		}
	}
	bracketed := text[0] == '['
	switch colon := strings.IndexByte(text, ':'); {
	case bracketed:
		end := strings.IndexByte(text, ']')
		if end < 0 || !isPortSuffix(text[end+1:]) {
			return netip.Addr{}, false
		}
		text = text[1:end]
	case colon >= 0 && colon == strings.LastIndexByte(text, ':'):
		if !isPortSuffix(text[colon:]) {
			return netip.Addr{}, false
		}
		text = text[:colon]
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || bracketed && !addr.Is6() {
		return netip.Addr{}, false
	}
	addr = addr.Unmap()
	return addr, !addr.IsUnspecified() && !addr.IsMulticast()
}

// isAddressByte reports whether a character can be part of an address with brackets and a port.
func isAddressByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' || c == '.' || c == ':' || c == '[' || c == ']'
}

// isPortSuffix reports whether the text is "", or a colon and a port.
func isPortSuffix(text string) bool {
	if text == "" {
		return true
	}
	if text[0] != ':' || len(text) < 2 || len(text) > len(":65535") {
		return false
	}
	port := 0
	for _, c := range []byte(text[1:]) {
		if c < '0' || c > '9' {
			return false
		}
		port = 10*port + int(c-'0')
	}
	return port <= 65535
}
