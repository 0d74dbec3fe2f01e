package config

import (
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"reverse-proxy/proxy/wording"
)

// listenerDNS01 resolves a listener's keys for DNS-01, and takes from `[acme]` those that it lacks (S-2.33). key is
// the key of its `tls` table.
func (v *validator) listenerDNS01(key string, own rawDNS01) DNS01 {
	if own == (rawDNS01{}) {
		return v.acmeOfFile.ACMEDNS
	}
	fillFromParent(reflect.ValueOf(&own).Elem(), reflect.ValueOf(v.acmeFile.rawDNS01), "", func(string) {})
	return v.dns01(ChildKey(key, "acme_dns"), own)
}

// dns01 resolves the keys for DNS-01 (S-20.4). key is the key of the method; the other keys begin with it. Keys of
// other methods are ignored.
func (v *validator) dns01(key string, raw rawDNS01) DNS01 {
	if raw.DNS == nil {
		return DNS01{}
	}
	dns := DNS01{Method: *raw.DNS}
	switch dns.Method {
	case DNSResponder:
		dns.Bind = v.dnsBind(key+"_bind", raw.Bind)
		if raw.Host != nil {
			dns.Host = v.dnsName(key+"_host", *raw.Host, `write the name of this machine, as in "edge.example.net", or leave the key out`)
		}
	case DNSUpdate:
		v.dnsUpdate(key, raw, &dns)
	case DNSWebhook:
		dns.PresentURL = v.dnsURL(key+"_present_url", raw.PresentURL)
		dns.CleanUpURL = v.dnsURL(key+"_cleanup_url", raw.CleanUpURL)
		if raw.HeaderFile != nil {
			dns.HeaderFile = v.dnsSecret(key+"_header_file", raw.HeaderFile, `a header field, as in "Authorization: Bearer SECRET"`)
		}
	default:
		v.add(key, `%s is not a way to put records into the DNS; write "responder", "rfc2136" or "webhook"`, wording.Quoted(dns.Method))
	}
	return dns
}

// DNSKeyAlgorithms are the algorithms that a TSIG key can have.
func DNSKeyAlgorithms() []string { return []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} }

// dnsUpdate resolves the keys of updates by RFC 2136.
func (v *validator) dnsUpdate(key string, raw rawDNS01, dns *DNS01) {
	dns.Server = v.dnsServer(key+"_server", raw.Server)
	if raw.Zone != nil {
		dns.Zone = v.dnsName(key+"_zone", *raw.Zone, `write the zone of the records, as in "example.com", or leave the key out`)
	}
	const example = `write the name of a TSIG key of the server, as in "reverse-proxy"`
	if name := v.required(key+"_key_name", raw.KeyName, example); name != "" {
		dns.KeyName = v.dnsName(key+"_key_name", name, example)
	}
	dns.KeyAlgorithm = orDefault(raw.KeyAlgorithm, "hmac-sha256")
	if !slices.Contains(DNSKeyAlgorithms(), dns.KeyAlgorithm) {
		v.add(key+"_key_algorithm", `%s is not an algorithm of TSIG keys; write "hmac-sha256", "hmac-sha384" or "hmac-sha512"`, wording.Quoted(dns.KeyAlgorithm))
	}
	dns.KeyFile = v.dnsSecret(key+"_key_file", raw.KeyFile, "the secret of the key, in base64")
}

// dnsBind checks the address and port of the responder. A wildcard address is refused, because an answer over UDP has to come from
// the address that was asked.
func (v *validator) dnsBind(key string, value *string) string {
	const example = `write an IP address of this machine and a port, as in "203.0.113.10:53" or "[2001:db8::10]:53"`
	text := v.required(key, value, example)
	if text == "" {
		return ""
	}
	address, err := netip.ParseAddrPort(text)
	switch {
	case err != nil || address.Port() == 0:
		v.addFault(key, "%s is not an address with a port; %s", wording.Quoted(text), example)
	case address.Addr().Unmap().IsUnspecified():
		v.add(key, "%s is a wildcard, from which no answer could come; %s", wording.Quoted(text), example)
	}
	return text
}

// dnsServer checks the host and port of a name server.
func (v *validator) dnsServer(key string, value *string) string {
	const example = `write the host:port of the primary name server, as in "192.0.2.53:53"`
	text := v.required(key, value, example)
	if text == "" {
		return ""
	}
	host, port := "", ""
	if colon := strings.LastIndexByte(text, ':'); colon >= 0 && !isIP(text) {
		host, port = text[:colon], text[colon+1:]
	}
	if !validPort(port) {
		v.add(key, "%s has no valid port; %s (an IPv6 address in brackets)", wording.Quoted(text), example)
	} else if problem := upstreamHostProblem(host); problem != "" {
		v.add(key, "%s has no valid host: %s; %s", wording.Quoted(text), problem, example)
	}
	return text
}

// dnsName checks a name of the DNS, which may end in a dot.
func (v *validator) dnsName(key, text, write string) string {
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if problem := domainProblem(name); problem != "" {
		v.add(key, "%s is not a name: %s; %s", wording.Quoted(text), problem, write)
	}
	return name
}

// dnsURL checks a URL of a webhook.
func (v *validator) dnsURL(key string, value *string) string {
	const example = `write an http:// or https:// URL, as in "http://127.0.0.1:8053/present"`
	text := v.required(key, value, example)
	if text == "" {
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.Fragment != "" {
		v.add(key, "%s is not a URL that can be called; %s", wording.Quoted(text), example)
	} else if parsed.User != nil {
		v.add(key, "%s holds a user, which would be shown in errors; leave it out and name a file in dns_header_file", wording.Quoted(parsed.Redacted()))
	}
	return text
}

// dnsSecret checks that a file with a secret can be read.
func (v *validator) dnsSecret(key string, value *string, what string) string {
	path := v.resolvePath(v.required(key, value, "write the path of a file with "+what))
	if path == "" {
		return ""
	}
	if _, err := ReadStableFile(path, maxCertificateBytes, nil); err != nil {
		v.add(key, "%s: %s", wording.Quoted(path), err)
	}
	return path
}

// oneHostEach checks that listeners with the same responder agree on the name of this machine.
func (v *validator) oneHostEach(listeners []Listener) {
	owners := make(map[string]int)
	for i, listener := range listeners {
		dns := listener.TLS.ACMEDNS
		if dns.Bind == "" {
			continue
		}
		owner, ok := owners[dns.Bind]
		if !ok {
			owners[dns.Bind] = i
		} else if first := listeners[owner].TLS.ACMEDNS.Host; first != dns.Host {
			v.add(IndexKey("listeners", i)+".tls.acme_dns_host", "%s differs from %s of %s, which has the same acme_dns_bind; write the same",
				wording.Quoted(dns.Host), wording.Quoted(first), IndexKey("listeners", owner))
		}
	}
}

// dnsKey is a key of DNS-01 in `[listeners.tls]` with its value.
type dnsKey struct{ key, value string }

// keys lists all keys of DNS-01 in `[listeners.tls]`, always in the same order.
func (d DNS01) keys() []dnsKey {
	return []dnsKey{{"acme_dns", d.Method}, {"acme_dns_bind", d.Bind}, {"acme_dns_host", d.Host}, {"acme_dns_server", d.Server},
		{"acme_dns_zone", d.Zone}, {"acme_dns_key_name", d.KeyName}, {"acme_dns_key_algorithm", d.KeyAlgorithm}, {"acme_dns_key_file", d.KeyFile},
		{"acme_dns_present_url", d.PresentURL}, {"acme_dns_cleanup_url", d.CleanUpURL}, {"acme_dns_header_file", d.HeaderFile}}
}
