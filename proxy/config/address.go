package config

import (
	"net/netip"
	"strings"
)

// CertificateName returns the name that a certificate has for a site's name. They differ for an IPv6 address: a
// site's name has it in brackets, as a URL does.
func CertificateName(host string) string {
	if strings.HasPrefix(host, "[") {
		return strings.TrimSuffix(host[1:], "]")
	}
	return host
}

// addressHost returns the site name for an IP address: its canonical form, with brackets around an IPv6 address. The
// text may lack the brackets. ok is false if the text is not an IP address.
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

// addressDomain returns the canonical form of an IP address for which a certificate is to be ordered. problem says
// why no CA can issue one; it is "" if a CA can. ok is false if the text is not an IP address.
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
