package check

import (
	"net/netip"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/wording"
)

// clients warns of trusted proxies that include everybody, and that a ban does not reach the clients of a trusted
// proxy.
func (c *checker) clients(key string, of config.Clients, proxyProtocol bool) {
	if of.Trusted == nil {
		return
	}
	everybody := false
	for _, network := range of.Trusted.List() {
		if network.Bits() > 0 {
			continue
		}
		at := config.ChildKey(key, "trusted_proxies_file")
		for i, own := range of.Networks {
			if own == network {
				at = config.IndexKey(config.ChildKey(key, "trusted_proxies"), i)
				break
			}
		}
		everybody = true
		c.warn(at, "%s is every address, so that each client may say who it is; write the networks of the proxies", wording.Quoted(network.String()))
	}
	if everybody || isThisMachine(of.Trusted.List()) && !proxyProtocol {
		return
	}
	at := config.ChildKey(key, "trusted_proxies")
	if of.Networks == nil {
		at = config.ChildKey(key, "trusted_proxies_file")
	}
	c.warn(at, "clients behind these proxies reach this machine from the proxies' addresses, so a packet filter cannot ban them, as the shipped jails of fail2ban do; "+
		"ban them at the proxy, and put the proxies into ignoreip")
}

// isThisMachine reports whether all proxies are on this machine, where nothing is banned by a packet filter anyway.
func isThisMachine(list []netip.Prefix) bool {
	for _, network := range list {
		if !network.Addr().IsLoopback() {
			return false
		}
	}
	return true
}
