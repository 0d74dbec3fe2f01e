// Package proxyproto reads and writes headers of the PROXY protocol, versions 1 and 2, in which a balancer says whose
// connection it passes on. It turns bytes into values and back, and knows no sockets.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"unsafe"
)

const (
	// MaxV1 and MaxV2 are the largest numbers of bytes of a header, including its end.
	MaxV1 = 107
	MaxV2 = 4096
	// fixedV2 is the length of the fixed part of a header of version 2.
	fixedV2 = 16
)

const (
	beginV1 = "PROXY "
	beginV2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// Header is what a header says. The zero value means that the addresses of the socket count: the header is that of a
// balancer's own connection (LOCAL), or of one that is not TCP.
type Header struct {
	// Source is the client, and Destination the address that it has connected to. Both are of the same family; IPv4-mapped
	// addresses are unmapped.
	Source, Destination netip.AddrPort
}

// ErrIncomplete means that bytes of the header are missing.
var ErrIncomplete = errors.New("the header of the PROXY protocol is not complete")

// These errors say what is wrong with a header.
var (
	errNone     = errors.New("the connection does not begin with a header of the PROXY protocol")
	errLongV1   = errors.New("a header of version 1 has more than 107 bytes")
	errSyntaxV1 = errors.New("a header of version 1 is not well-formed")
	errLongV2   = errors.New("a header of version 2 has more than 4096 bytes")
	errVersion  = errors.New("a header has another version than 1 and 2")
	errCommand  = errors.New("a header of version 2 has an unknown command")
	errShortV2  = errors.New("a header of version 2 is too short for its addresses")
	errSource   = errors.New("a header names a source that no client can have")
)

// Parse parses the header at the beginning of data, and returns how many bytes of it are the header's. With ErrIncomplete,
// that is how many of the bytes are the header's for certain, so that they may be taken from the connection. Any other error
// means that the connection begins with no valid header. Parse allocates nothing.
func Parse(data []byte) (h Header, n int, err error) {
	switch {
	case bytes.HasPrefix(data, []byte(beginV1)):
		return parseV1(data)
	case bytes.HasPrefix(data, []byte(beginV2)):
		return parseV2(data)
	case len(data) < len(beginV1) && string(data) == beginV1[:len(data)], len(data) < len(beginV2) && string(data) == beginV2[:len(data)]:
		return Header{}, len(data), ErrIncomplete
	}
	return Header{}, 0, errNone
}

// parseV1 parses a header of version 1: a line of text.
func parseV1(data []byte) (Header, int, error) {
	line := data[:min(len(data), MaxV1)]
	end := bytes.IndexByte(line, '\n')
	switch {
	case end < 0 && len(line) == MaxV1:
		return Header{}, 0, errLongV1
	case end < 0:
		return Header{}, len(line), ErrIncomplete
	case line[end-1] != '\r':
		return Header{}, 0, errSyntaxV1
	}
	n := end + 1
	family, rest, _ := bytes.Cut(line[len(beginV1):end-1], []byte(" "))
	if string(family) == "UNKNOWN" {
		return Header{}, n, nil // whatever follows
	}
	var parts [4][]byte
	for i := range parts {
		var more bool
		parts[i], rest, more = bytes.Cut(rest, []byte(" "))
		if more != (i < len(parts)-1) {
			return Header{}, 0, errSyntaxV1
		}
	}
	four := string(family) == "TCP4"
	if !four && string(family) != "TCP6" {
		return Header{}, 0, errSyntaxV1
	}
	source, ok1 := addrV1(parts[0], four)
	destination, ok2 := addrV1(parts[1], four)
	sourcePort, ok3 := portV1(parts[2])
	destinationPort, ok4 := portV1(parts[3])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Header{}, 0, errSyntaxV1
	}
	return checked(Header{netip.AddrPortFrom(source, sourcePort), netip.AddrPortFrom(destination, destinationPort)}, n)
}

// addrV1 parses an address of the family.
func addrV1(text []byte, four bool) (netip.Addr, bool) {
	if len(text) == 0 || len(text) > 39 || bytes.IndexByte(text, '%') >= 0 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(unsafe.String(&text[0], len(text))) // without a zone, it keeps nothing of the text
	return addr, err == nil && addr.Is4() == four
}

// portV1 parses a port without leading zeros.
func portV1(text []byte) (uint16, bool) {
	if len(text) == 0 || len(text) > 1 && text[0] == '0' || text[0] < '0' || text[0] > '9' {
		return 0, false
	}
	port, err := strconv.ParseUint(string(text), 10, 16)
	return uint16(port), err == nil
}

// parseV2 parses a header of version 2.
func parseV2(data []byte) (Header, int, error) {
	if len(data) < fixedV2 {
		return Header{}, len(data), ErrIncomplete
	}
	command, family := data[12], data[13]
	length := int(binary.BigEndian.Uint16(data[14:]))
	n := fixedV2 + length
	switch {
	case command>>4 != 2:
		return Header{}, 0, errVersion
	case command&0xf > 1:
		return Header{}, 0, errCommand
	case n > MaxV2:
		return Header{}, 0, errLongV2
	case command&0xf == 1 && length < addressesV2(family):
		return Header{}, 0, errShortV2
	case len(data) < n:
		return Header{}, len(data), ErrIncomplete
	case command&0xf == 0:
		return Header{}, n, nil // LOCAL
	}
	addresses := data[fixedV2:n]
	port := binary.BigEndian.Uint16
	switch family {
	case familyTCP4:
		return checked(Header{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(addresses)), port(addresses[8:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(addresses[4:])), port(addresses[10:])),
		}, n)
	case familyTCP6:
		return checked(Header{
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(addresses)), port(addresses[32:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(addresses[16:])), port(addresses[34:])),
		}, n)
	}
	return Header{}, n, nil // UDP, Unix sockets and unknown families
}

// The families of version 2, with their transport protocol.
const (
	familyTCP4  = 0x11
	familyUDP4  = 0x12
	familyTCP6  = 0x21
	familyUDP6  = 0x22
	familyUnix  = 0x31
	familyUnixD = 0x32
)

// addressesV2 returns how many bytes the addresses of a family have.
func addressesV2(family byte) int {
	switch family {
	case familyTCP4, familyUDP4:
		return 12
	case familyTCP6, familyUDP6:
		return 36
	case familyUnix, familyUnixD:
		return 216
	}
	return 0
}

// checked returns the header with its addresses unmapped, or an error if no client can have the source.
func checked(h Header, n int) (Header, int, error) {
	source := h.Source.Addr().Unmap()
	if source.IsUnspecified() || source.IsMulticast() {
		return Header{}, 0, errSource
	}
	h.Source = netip.AddrPortFrom(source, h.Source.Port())
	h.Destination = netip.AddrPortFrom(h.Destination.Addr().Unmap(), h.Destination.Port())
	return h, n, nil
}
