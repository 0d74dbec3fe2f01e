package config

import "reverse-proxy/proxy/wording"

// ProxyVersion is the version of the PROXY protocol that tells an upstream the client's address; "" for none.
type ProxyVersion string

// The values of `upstream_proxy_protocol`.
const (
	proxyOff              = "off"
	ProxyV1  ProxyVersion = "v1"
	ProxyV2  ProxyVersion = "v2"
)

// Named reports whether each connection to the upstream begins with a header that names one client. Only requests of
// that client may use such a connection.
func (p ProxyVersion) Named() bool { return p == ProxyV1 || p == ProxyV2 }

// upstreamProxyProtocol checks `upstream_proxy_protocol`.
func (v *validator) upstreamProxyProtocol(key string, value *string) ProxyVersion {
	version := ProxyVersion(orDefault(value, proxyOff))
	switch {
	case version == proxyOff:
		return ""
	case !version.Named():
		v.add(key, `%s is not a version; write "v1", "v2" or "off"`, wording.Quoted(string(version)))
	}
	return version
}
