package config

import (
	"fmt"
	"net/netip"
	"strings"

	"reverse-proxy/proxy/wording"
)

// hostnameProblem returns why the lower-cased host is not a host name, or "" if it is one: labels of letters, digits
// and inner hyphens, up to 63 bytes each and 253 in total (RFC 952, RFC 1123 section 2.1). It refuses underscores and a
// trailing dot. It also refuses an all-digit last label: browsers take such a name for an IPv4 address (URL standard,
// section 3.5).
func hostnameProblem(host string) string {
	if problem := domainProblem(host); problem != "" {
		return problem
	}
	if strings.Contains(host, "_") {
		return "a host name has no underscore"
	}
	return ""
}

// domainProblem is hostnameProblem for names that are only looked up: it allows underscores, which service names in
// container networks have.
func domainProblem(host string) string {
	switch {
	case host == "":
		return "it is empty"
	case len(host) > 253:
		return fmt.Sprintf("it is %d bytes long, and a name has at most 253", len(host))
	case strings.HasSuffix(host, "."):
		return "it ends in a dot"
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if problem := labelProblem(label); problem != "" {
			return problem
		}
		last = label
	}
	if strings.Trim(last, "0123456789") == "" {
		return "its last label is a number, so that it reads as an IP address"
	}
	return ""
}

// labelProblem returns why a part between dots is not a valid label, or "".
func labelProblem(label string) string {
	switch {
	case label == "":
		return "it has an empty label"
	case len(label) > 63:
		return fmt.Sprintf("its label %s is %d bytes long, and a label has at most 63", wording.Quoted(label), len(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Sprintf("its label %s begins or ends with a hyphen", wording.Quoted(label))
	}
	for _, r := range label {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
		case r > '~':
			return fmt.Sprintf("it has the character %q; write an international name in its xn-- form", r)
		default:
			return fmt.Sprintf("it has the character %q", r)
		}
	}
	return ""
}

// isIP reports whether host is an IP address, with or without the brackets of a URL.
func isIP(host string) bool {
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil
}
