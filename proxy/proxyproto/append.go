package proxyproto

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// AppendV1 appends a header of version 1 for a connection from the source to the destination. If the addresses are of
// different families, IPv4 ones are written as IPv4-mapped ones. With an invalid address, the header says nothing.
func AppendV1(dst []byte, h Header) []byte {
	source, destination, ok := sameFamily(h)
	switch {
	case !ok:
		return append(dst, "PROXY UNKNOWN\r\n"...)
	case source.Is4():
		dst = append(dst, "PROXY TCP4 "...)
	default:
		dst = append(dst, "PROXY TCP6 "...)
	}
	dst = append(source.AppendTo(dst), ' ')
	dst = append(destination.AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(h.Source.Port()), 10), ' ')
	return append(strconv.AppendUint(dst, uint64(h.Destination.Port()), 10), "\r\n"...)
}

// AppendV2 is AppendV1 for version 2.
func AppendV2(dst []byte, h Header) []byte {
	dst = append(dst, beginV2...)
	source, destination, ok := sameFamily(h)
	switch {
	case !ok:
		return append(dst, 0x21, 0, 0, 0)
	case source.Is4():
		dst = append(dst, 0x21, familyTCP4, 0, 12)
		from, to := source.As4(), destination.As4()
		dst = append(append(dst, from[:]...), to[:]...)
	default:
		dst = append(dst, 0x21, familyTCP6, 0, 36)
		from, to := source.As16(), destination.As16()
		dst = append(append(dst, from[:]...), to[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, h.Source.Port())
	return binary.BigEndian.AppendUint16(dst, h.Destination.Port())
}

// AppendLocal appends a header of version 2 for a connection of the sender itself, such as a health check.
func AppendLocal(dst []byte) []byte {
	return append(append(dst, beginV2...), 0x20, 0, 0, 0)
}

// sameFamily returns both addresses in one family, without zones. It returns false if one is not valid.
func sameFamily(h Header) (source, destination netip.Addr, ok bool) {
	if !h.Source.Addr().IsValid() || !h.Destination.Addr().IsValid() {
		return netip.Addr{}, netip.Addr{}, false
	}
	source, destination = h.Source.Addr().Unmap().WithZone(""), h.Destination.Addr().Unmap().WithZone("")
	if source.Is4() != destination.Is4() {
		source, destination = netip.AddrFrom16(source.As16()), netip.AddrFrom16(destination.As16())
	}
	return source, destination, true
}
