package config

import (
	"fmt"
	"net/netip"
	"strings"

	"reverse-proxy/proxy/headers"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/prefixes"
	"reverse-proxy/proxy/wording"
)

// Clients says how a listener finds the addresses of clients behind trusted proxies (S-15.1). All of it is dynamic.
// It never changes after validation.
type Clients struct {
	// Networks are the values of `trusted_proxies`.
	Networks []netip.Prefix
	// File is the path of `trusted_proxies_file`; "" for none. FileHash is the hash of its contents, and FileNetworks the
	// number of networks in it.
	File, FileHash string
	FileNetworks   int
	// Trusted has the addresses of both; nil if no proxy is trusted.
	Trusted *prefixes.Set
	// Header is the field in which trusted proxies name the client; "" for none.
	Header string
}

// defaultClientHeader is the field in which trusted proxies name the client if the file does not say.
const defaultClientHeader = headers.ForwardedFor

// Texts lists the keys with their values as texts. The text for the file changes with its contents.
func (c Clients) Texts() []KeyText {
	var networks []string
	for _, network := range c.Networks {
		networks = append(networks, network.String())
	}
	file := ""
	if c.File != "" {
		file = fmt.Sprintf("%s (%s, %s)", c.File, wording.Count(c.FileNetworks, "network"), c.FileHash[:8])
	}
	return []KeyText{{"trusted_proxies", strings.Join(networks, ", ")}, {"trusted_proxies_file", file}, {"client_ip_header", c.Header}}
}

// clients resolves the keys of a listener about trusted proxies.
func (v *validator) clients(key string, raw rawListener) Clients {
	c := Clients{Networks: v.prefixes(ChildKey(key, "trusted_proxies"), raw.TrustedProxies, maxAllowed)}
	trusted := c.Networks
	if fileKey := ChildKey(key, "trusted_proxies_file"); raw.TrustedProxiesFile != nil {
		c.File = v.resolvePath(v.required(fileKey, raw.TrustedProxiesFile, "write the path of a file with a network on each line, or leave the key out"))
		list := v.networkFile(fileKey, c.File)
		c.FileHash, c.FileNetworks = list.hash, len(list.networks)
		trusted = append(trusted[:len(trusted):len(trusted)], list.networks...)
	}
	if len(trusted) > 0 {
		c.Trusted = prefixes.New(trusted)
	}
	headerKey := ChildKey(key, "client_ip_header")
	if c.Trusted == nil {
		if raw.ClientIPHeader != nil && raw.TrustedProxies == nil && raw.TrustedProxiesFile == nil {
			v.add(headerKey, "has no effect without trusted_proxies; name the proxies whose word counts, or leave the key out")
		}
		return c
	}
	c.Header = v.clientHeader(headerKey, orDefault(raw.ClientIPHeader, defaultClientHeader))
	return c
}

// The values of `proxy_protocol`.
const (
	proxyProtocolOff      = "off"
	proxyProtocolRequired = "required"
)

// proxyProtocolText renders the value of `proxy_protocol`.
func proxyProtocolText(required bool) string {
	if required {
		return proxyProtocolRequired
	}
	return proxyProtocolOff
}

// proxyProtocol checks `proxy_protocol`. It requires trusted proxies: without them nobody could connect.
func (v *validator) proxyProtocol(key string, raw rawListener) bool {
	at := ChildKey(key, "proxy_protocol")
	value := orDefault(raw.ProxyProtocol, proxyProtocolOff)
	switch {
	case value == proxyProtocolOff:
		return false
	case value != proxyProtocolRequired:
		v.add(at, `%s is not a state; write "off" or "required"`, wording.Quoted(value))
	case raw.TrustedProxies == nil && raw.TrustedProxiesFile == nil:
		v.add(at, "needs trusted_proxies, because nobody else can connect then; name the balancers that send the header")
	}
	return true
}

// clientHeader checks `client_ip_header`.
func (v *validator) clientHeader(key, name string) string {
	const example = `write the field in which the proxies name the client, as in "X-Forwarded-For" or "CF-Connecting-IP", or "" for none`
	switch {
	case name == "":
	case !http1.ValidToken(name):
		v.add(key, "%s is not the name of a field; %s", wording.Quoted(name), example)
	case http1.EqualFold(name, "Forwarded"):
		v.add(key, `Forwarded is not read, as its value is not a list of addresses; let the proxies send X-Forwarded-For, and write that`)
	case headers.HopByHop.Has(name), notAboutClients.Has(name):
		v.add(key, "%s has a meaning of its own in HTTP; %s", wording.Quoted(name), example)
	default:
		return name
	}
	return ""
}

// notAboutClients are fields that cannot name the client: clients send them for another purpose.
var notAboutClients = headers.NewNameSet(false, []string{"Host", "Content-Length", "Cookie", "Authorization", "Expect", "User-Agent", "Accept"})

// networkList is the contents of a file of networks.
type networkList struct {
	networks []netip.Prefix
	hash     string
}

// networkFile reads a file with one network on each line. A file that several keys name is read only once. A file
// without networks is an error: it comes from a failed download, not from somebody who wants an empty list.
func (v *validator) networkFile(key, path string) networkList {
	if path == "" || v.failed(key) {
		return networkList{}
	}
	if list, known := v.networkFiles[path]; known {
		return list
	}
	data, err := ReadStableFile(path, prefixes.MaxFileBytes, nil)
	if err != nil {
		v.addFault(key, "%s: %s", wording.Quoted(path), err)
		return networkList{}
	}
	networks, problems := prefixes.ParseList(data)
	for _, problem := range problems {
		v.add(key, "%s, %s", wording.Quoted(path), problem)
	}
	if len(networks) == 0 && len(problems) == 0 {
		v.addFault(key, "%s has no networks; write one on each line, or leave the key out", wording.Quoted(path))
	}
	list := networkList{networks, HashOf(data)}
	if len(problems) > 0 {
		v.faulty[key] = true
	} else if len(networks) > 0 {
		v.networkFiles[path] = list
	}
	return list
}
