package config

import (
	"net/netip"
	"strconv"
	"strings"

	"reverse-proxy/proxy/wording"
)

// sites resolves `[[listeners.sites]]` of one listener (S-2.6). above are the settings of the file.
func (v *validator) sites(key string, raws []rawSite, above inherited) []Site {
	sites := make([]Site, len(raws))
	for i, raw := range raws {
		site := IndexKey(key, i)
		settings := above.inherit(LevelSite, site, raw.rawSettings)
		sites[i] = Site{
			Host:            v.siteHost(ChildKey(site, "host"), raw.Host),
			Aliases:         v.aliases(ChildKey(site, "aliases"), raw.Aliases),
			RedirectAliases: orDefault(raw.RedirectAliases, false),
			ClientCerts:     v.clientCerts(site, raw),
			Settings:        v.settings(settings),
		}
		if raw.Upstream != nil || raw.Upstreams != nil || len(raw.Routes) == 0 {
			sites[i].Upstreams = v.upstreams(site, raw.Upstream, raw.Upstreams)
		}
		sites[i].Routes = v.routes(ChildKey(site, "routes"), raw.Routes, sites[i].Upstreams, settings)
		v.namedForTLS(site, sites[i].Upstreams, sites[i].Settings)
		v.upstreamTLSUsed(site, raw.rawSettings, sites[i].Settings, sites[i].Routes)
		v.redirectTarget(site, sites[i])
		v.anyWithCertificate(sites[i], settings, site, raw.Routes)
	}
	return sites
}

// exampleHost shows the form of a name.
const exampleHost = `as in "git.example.com"`

// siteHost resolves a site's host.
func (v *validator) siteHost(key string, value *string) string {
	return v.siteName(key, v.required(key, value, "write the name that the site is served under, "+exampleHost))
}

// aliases resolves the further names of a site.
func (v *validator) aliases(key string, values []string) []string {
	var names []string
	for i, value := range values {
		if value == "" {
			v.addFault(IndexKey(key, i), "is empty; write a further name of the site, %s", exampleHost)
		}
		names = append(names, v.siteName(IndexKey(key, i), value))
	}
	return names
}

// redirectTarget checks that aliases can be redirected: the host must not be a wildcard.
func (v *validator) redirectTarget(key string, site Site) {
	if _, wildcard := IsWildcard(site.Host); wildcard && site.RedirectAliases {
		v.add(ChildKey(key, "redirect_aliases"), "cannot redirect to %s, which is many names; write one name as host and the wildcard in aliases", wording.Quoted(site.Host))
	}
}

// siteName lower-cases and checks a name of a site: a valid host name (S-2.16) without a port (S-2.15), which may be
// a wildcard (S-14.1). An IP address is allowed only where a CA issues certificates for it (S-5.12).
func (v *validator) siteName(key, name string) string {
	host := strings.ToLower(name)
	if host == "" {
		return ""
	}
	const example = exampleHost
	below, _ := IsWildcard(host)
	if address, ok := addressHost(host); ok && v.addressHosts {
		return address
	}
	name, port, hasPort := strings.Cut(host, ":")
	switch {
	case isIP(host):
		v.add(key, "%s is an IP address; write a host name, %s", wording.Quoted(host), example)
	case strings.Contains(host, "://"):
		v.add(key, "%s is a URL; write only the host name, %s", wording.Quoted(host), example)
	case hasPort && strings.Trim(port, "0123456789") == "":
		v.add(key, "%s has a port; write only the host name, as in %s", wording.Quoted(host), wording.Quoted(name))
	case strings.Contains(below, "*"):
		v.add(key, "%s has a * that is not its first label; write a wildcard as in \"*.apps.example.com\", or each name as a site of its own", wording.Quoted(host))
	case len(host) > 253:
		v.addFault(key, "%s is not a valid host name: %s; write one %s", wording.Quoted(host), hostnameProblem(host), example)
	default:
		if problem := hostnameProblem(below); problem != "" {
			v.addFault(key, "%s is not a valid host name: %s; write one %s", wording.Quoted(host), problem, example)
		}
	}
	return host
}

// upstream checks that the value is `host:port` with a DNS name, an IPv4 or a bracketed IPv6 address (S-2.17), or the path of a
// Unix socket (S-18.8). The name may have underscores and end in a dot, because it is only looked up.
func (v *validator) upstream(key string, value *string) string {
	const example = `as in "127.0.0.1:3000"`
	upstream := v.required(key, value, "write the host:port to forward to, "+example)
	if upstream == "" {
		return ""
	}
	if path, ok := SocketPath(upstream); ok {
		v.upstreamSocket(key, upstream, path)
		return upstream
	}
	colon := strings.LastIndexByte(upstream, ':')
	switch {
	case strings.HasPrefix(upstream, "/"):
		v.add(key, "%s is a path; write unix: before that of a Unix socket, as in %s", wording.Quoted(upstream), wording.Quoted(socketPrefix+"/run/app.sock"))
		return upstream
	case strings.Contains(upstream, "://"):
		v.add(key, "%s has a scheme; write host:port, %s, and the scheme in upstream_scheme", wording.Quoted(upstream), example)
		return upstream
	case strings.Contains(upstream, "/"):
		v.add(key, "%s has a path; write only host:port, %s", wording.Quoted(upstream), example)
		return upstream
	case isIP(upstream), colon < 0:
		v.add(key, "%s has no port; write host:port, %s (an IPv6 address in brackets)", wording.Quoted(upstream), example)
		return upstream
	}
	host, port := upstream[:colon], upstream[colon+1:]
	if problem := upstreamHostProblem(host); problem != "" {
		v.add(key, "%s has no valid host: %s; write host:port, %s", wording.Quoted(upstream), problem, example)
	}
	if !validPort(port) {
		v.add(key, "%s has no valid port; write host:port with a port from 1 to 65535, %s", wording.Quoted(upstream), example)
	}
	return upstream
}

// upstreamHostProblem returns why the host of an upstream is not valid, or "".
func upstreamHostProblem(host string) string {
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
		switch {
		case addr.Is6() && !bracketed:
			return "an IPv6 address must be in brackets"
		case addr.Is4() && host != addr.String():
			return "only an IPv6 address may be in brackets"
		case addr.Is6() && host != "["+strings.Trim(host, "[]")+"]":
			return "its brackets do not pair"
		}
		return ""
	}
	return domainProblem(strings.ToLower(strings.TrimSuffix(host, ".")))
}

// validPort reports whether text is a decimal port from 1 to 65535.
func validPort(text string) bool {
	number, err := strconv.ParseUint(text, 10, 16)
	return err == nil && number > 0
}

// upstreamScheme checks that the value is exactly http or https (S-2.18).
func (v *validator) upstreamScheme(key string, value *string) string {
	scheme := orDefault(value, "http")
	if scheme != "http" && scheme != "https" {
		v.add(key, `%s is not an upstream scheme; write "http" or "https"`, wording.Quoted(scheme))
	}
	return scheme
}

// upstreamProtocol checks that the value is exactly http1 or http2. It refuses http2 with a PROXY header that names a
// client, because clients share the connections of HTTP/2.
func (v *validator) upstreamProtocol(in inherited) string {
	key, protocol := in.key("upstream_protocol"), orDefault(in.UpstreamProtocol, "http1")
	switch {
	case protocol != "http1" && protocol != "http2":
		v.add(key, `%s is not a protocol of upstreams; write "http1" or "http2"`, wording.Quoted(protocol))
	case protocol == "http2" && ProxyVersion(orDefault(in.UpstreamProxyProtocol, proxyOff)).Named():
		v.add(key, `"http2" shares connections among clients, and upstream_proxy_protocol names one client for each; write "http1", or upstream_proxy_protocol = "off"`)
	}
	return protocol
}

// uniqueHosts checks that no listener has a name twice, as a host or as an alias (S-2.7).
func (v *validator) uniqueHosts(listeners []Listener) {
	for i, listener := range listeners {
		owners := make(map[string]string)
		for j, site := range listener.Sites {
			keys := site.NameKeys(IndexKey(ChildKey(IndexKey("listeners", i), "sites"), j))
			for n, name := range site.Names() {
				if name == "" {
					continue
				}
				if owner, ok := owners[name]; ok {
					v.add(keys[n], "%s is %s already; write each host once in a listener", wording.Quoted(name), owner)
				} else {
					owners[name] = keys[n]
				}
			}
		}
	}
}
