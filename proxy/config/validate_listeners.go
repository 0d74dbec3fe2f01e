package config

import (
	"net/netip"
	"strings"

	"reverse-proxy/proxy/wording"
)

// listeners resolves `[[listeners]]` (S-2.1). above are the settings of the file.
func (v *validator) listeners(raws []rawListener, allowWildcard bool, above inherited) []Listener {
	if len(raws) == 0 {
		v.add("listeners", "missing; write at least one [[listeners]] table")
	}
	listeners := make([]Listener, len(raws))
	for i, raw := range raws {
		key := IndexKey("listeners", i)
		v.addressHosts = orDefault(raw.TLS.Mode, "") == string(TLSModeACME)
		listeners[i] = Listener{
			BindAddrs:     v.bindAddrs(ChildKey(key, "bind_addr"), raw.BindAddr, allowWildcard),
			HTTPPort:      v.port(ChildKey(key, "http_port"), raw.HTTPPort, 80, 0),
			HTTPSPort:     v.port(ChildKey(key, "https_port"), raw.HTTPSPort, 443, 1),
			Clients:       v.clients(key, raw),
			ProxyProtocol: v.proxyProtocol(key, raw),
			TLS:           v.tls(ChildKey(key, "tls"), raw.TLS),
			Sites:         v.sites(ChildKey(key, "sites"), raw.Sites, above),
		}
		if listeners[i].TLS.Mode == TLSModeACME && listeners[i].TLS.ACMEDNS.Method == "" {
			v.noWildcards(key, listeners[i].Sites)
		}
		if listeners[i].TLS.Mode == TLSModeACME && raw.TLS.ACMEDomains == nil {
			listeners[i].TLS.ACMEDomains = v.siteDomains(key, listeners[i].Sites)
		}
		if listeners[i].TLS.Mode == TLSModeSelfSigned && len(raw.Sites) == 0 {
			v.add(ChildKey(key, "sites"), "missing; a self_signed listener makes its certificate for the names of its sites")
		}
	}
	return listeners
}

// bindAddrs checks the address of a listener, or its addresses, each of which must be there only once.
func (v *validator) bindAddrs(key string, raw oneOrMore, allowWildcard bool) []string {
	if len(raw.values) == 0 {
		problem := "missing"
		if raw.isArray {
			problem = "is empty"
		}
		v.add(key, `%s; %s`, problem, writeBindAddr)
		return nil
	}
	seen := make(map[netip.Addr]string)
	for i, text := range raw.values {
		elementKey := raw.elementKey(key, i)
		addr := v.bindAddr(elementKey, text, allowWildcard)
		if first, ok := seen[addr]; ok {
			v.add(elementKey, "%s is %s already; write each address once", wording.Quoted(text), first)
		} else if addr.IsValid() {
			seen[addr] = elementKey
		}
	}
	return raw.values
}

// writeBindAddr says what to write for a missing address.
const writeBindAddr = `write the IP address to listen on, as in "203.0.113.10"`

// bindAddr checks that the text is an IP address, and not a wildcard unless those are allowed (S-2.2). It returns the
// address, or the zero Addr.
func (v *validator) bindAddr(key, text string, allowWildcard bool) netip.Addr {
	if text == "" {
		v.add(key, "is empty; %s", writeBindAddr)
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil && strings.HasPrefix(text, "["):
		v.addFault(key, "%s is no IP address; write it without brackets", wording.Quoted(text))
	case err != nil:
		v.addFault(key, `%s is no IP address; write one of this machine's, as in "203.0.113.10" or "2001:db8::10"`,
			wording.Quoted(text))
	case addr.Unmap().IsUnspecified() && !allowWildcard:
		v.add(key, "%s is a wildcard; write one address, or set allow_wildcard_bind = true (or --allow-wildcard-bind)",
			wording.Quoted(text))
	}
	return addr.Unmap()
}
