package acmecert

import (
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/mholt/acmez/v3/acme"

	"reverse-proxy/proxy/cert"
)

// identifierOf returns the ACME identifier of a name: a host name or an IP address (RFC 8738).
func identifierOf(name string) acme.Identifier {
	if isAddress(name) {
		return acme.Identifier{Type: "ip", Value: name}
	}
	return acme.Identifier{Type: "dns", Value: name}
}

// requestFor returns the request for a certificate with one name.
func requestFor(name string) *x509.CertificateRequest {
	if isAddress(name) {
		return &x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP(name)}}
	}
	return &x509.CertificateRequest{DNSNames: []string{name}}
}

// isAddress reports whether a name is an IP address.
func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// nameless returns the domain for a client that sent no server name (S-5.2), as clients do that connect to an IP
// address. It is the listener's name if there is only one, or else the local address of the connection, or else the
// only IP address among the names, because a router may have translated the address. conn is the client's connection,
// or nil.
func (s *nameSet) nameless(conn net.Conn) *domain {
	if s.address == nil && len(s.list) == 1 {
		return s.list[0]
	}
	if conn != nil {
		if address, ok := conn.LocalAddr().(*net.TCPAddr); ok {
			if d := s.byName[address.AddrPort().Addr().Unmap().WithZone("").String()]; d != nil {
				return d
			}
		}
	}
	return s.address
}

// onlyAddress returns the only domain that is an IP address; nil if there is none, or several.
func onlyAddress(list []*domain) (found *domain) {
	for _, d := range list {
		if !isAddress(d.name) {
			continue
		}
		if found != nil {
			return nil
		}
		found = d
	}
	return found
}

// challengedDomain returns the name that a validation is about, from its server name or its host. For an IP address
// the server name is the one for reverse look-ups (RFC 8738, section 6), and the host of an IPv6 address is in
// brackets.
func challengedDomain(name string) string {
	name = cert.NormalName(name)
	if addr, ok := reverseAddress(name); ok {
		return addr
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
}

// reverseAddress returns the IP address for a name of reverse look-ups: 192.0.2.1 for `1.2.0.192.in-addr.arpa`.
func reverseAddress(name string) (string, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		labels := strings.Split(rest, ".")
		slices.Reverse(labels)
		addr, err := netip.ParseAddr(strings.Join(labels, "."))
		return addr.String(), err == nil && addr.Is4()
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa")
	if !ok || len(rest) != 63 {
		return "", false
	}
	nibbles := strings.Split(rest, ".")
	slices.Reverse(nibbles)
	var text strings.Builder
	for i, nibble := range nibbles {
		if i > 0 && i%4 == 0 {
			text.WriteByte(':')
		}
		text.WriteString(nibble)
	}
	addr, err := netip.ParseAddr(text.String())
	return addr.String(), err == nil && addr.Is6()
}
