package config

import (
	"net/netip"
	"strings"
)

// CertificateName returns the name that a certificate has for a site's name: an IPv6 address is in brackets in a URL, and so
// in a site's name, but not in a certificate.
func CertificateName(host string) string {
	if strings.HasPrefix(host, "[") {
		return strings.TrimSuffix(host[1:], "]")
	}
	return host
}

// addressHost returns the name of a site for an IP address in its usual form, with the brackets of an IPv6 address, which may
// lack them; ok is false for anything else.
func addressHost(text string) (host string, ok bool) {
	addr, err := netip.ParseAddr(CertificateName(text))
	switch {
	case err != nil || addr.Zone() != "" || addr.Is4() && strings.HasPrefix(text, "["):
		return "", false
	case addr.Is6():
		return "[" + addr.String() + "]", true
	}
	return addr.String(), true
}

// addressDomain returns a name to order a certificate for that is an IP address, in its usual form. problem says why none can
// be ordered for it; it is "" if one can.
func addressDomain(text string) (domain, problem string, ok bool) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return "", "", false
	case addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast():
		return text, "it is not an address that a client could connect to", true
	}
	return addr.String(), "", true
}
