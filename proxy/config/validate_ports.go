package config

import (
	"net/netip"
)

// port resolves a key that is a TCP port, from lowest (0 where the key can disable the port, else 1) to 65535 (S-2.12,
// S-2.13).
func (v *validator) port(key string, value *int64, otherwise, lowest int64) int {
	number := orDefault(value, otherwise)
	if number >= lowest && number <= 65535 {
		return int(number)
	}
	if lowest == 0 {
		v.addFault(key, "%d is not a port; write one from 1 to 65535, or 0 to disable it", number)
	} else {
		v.addFault(key, "%d is not a port; write one from 1 to 65535", number)
	}
	return 0
}

// socketUse is one address and port that the configuration makes the process bind, and the key that demands it.
type socketUse struct {
	addr netip.Addr
	port int
	key  string
}

// ports checks that no two sockets of the configuration conflict: HTTPS ports with each other (S-2.3), redirect ports
// with each other (S-2.10), HTTPS ports with redirect ports (S-2.11), and the health port with all (S-2.14). A wildcard
// address conflicts with every address of its family, and `::` also with IPv4, because Go opens it for both.
func (v *validator) ports(cfg *Config) {
	taken := make(map[int]*portUses)
	for i, listener := range cfg.Listeners {
		key := IndexKey("listeners", i)
		addrs := listener.Addrs()
		if len(addrs) > 0 && listener.HTTPPort != 0 && listener.HTTPPort == listener.HTTPSPort {
			v.add(ChildKey(key, "http_port"), "%d is the listener's https_port too; write two different ports, "+
				"or http_port = 0 for no redirect", listener.HTTPPort)
			listener.HTTPPort = 0
		}
		for _, addr := range addrs {
			v.claim(taken, socketUse{addr, listener.HTTPPort, ChildKey(key, "http_port")})
			v.claim(taken, socketUse{addr, listener.HTTPSPort, ChildKey(key, "https_port")})
		}
	}
	health := socketUse{netip.AddrFrom4([4]byte{127, 0, 0, 1}), cfg.HealthCheckPort, "health_check_port"}
	if other, ok := taken[health.port].conflict(health.addr); ok && health.port != 0 {
		v.add(health.key, "%d on 127.0.0.1 is taken by %s (%s); write another port, or 0 to disable it",
			health.port, other.key, netip.AddrPortFrom(other.addr, uint16(other.port)))
	}
}

// claim records the use of the socket, or adds the problem that it conflicts with an earlier one.
func (v *validator) claim(taken map[int]*portUses, use socketUse) {
	if use.port == 0 {
		return
	}
	if other, ok := taken[use.port].conflict(use.addr); ok {
		v.add(use.key, "%s is taken by %s (%s) already; write another port or another bind_addr",
			netip.AddrPortFrom(use.addr, uint16(use.port)), other.key,
			netip.AddrPortFrom(other.addr, uint16(other.port)))
		return
	}
	if taken[use.port] == nil {
		taken[use.port] = &portUses{exact: make(map[netip.Addr]socketUse)}
	}
	taken[use.port].add(use)
}

// portUses holds the uses of one port number. It finds conflicts without comparing each use with all others.
type portUses struct {
	exact map[netip.Addr]socketUse
	// firstIPv4 and firstIPv6 are the first uses by any address of the family, wildcards included.
	firstIPv4, firstIPv6 *socketUse
}

// add records a use.
func (u *portUses) add(use socketUse) {
	u.exact[use.addr] = use
	if use.addr.Is4() && u.firstIPv4 == nil {
		u.firstIPv4 = &use
	}
	if use.addr.Is6() && u.firstIPv6 == nil {
		u.firstIPv6 = &use
	}
}

// conflict returns the use that keeps addr from being bound. A nil receiver has no uses.
func (u *portUses) conflict(addr netip.Addr) (socketUse, bool) {
	if u == nil {
		return socketUse{}, false
	}
	if use, ok := u.exact[addr]; ok {
		return use, true
	}
	if use, ok := u.exact[netip.IPv6Unspecified()]; ok {
		return use, true
	}
	if use, ok := u.exact[netip.IPv4Unspecified()]; ok && addr.Is4() {
		return use, true
	}
	if addr.IsUnspecified() && u.firstIPv4 != nil {
		return *u.firstIPv4, true
	}
	if addr == netip.IPv6Unspecified() && u.firstIPv6 != nil {
		return *u.firstIPv6, true
	}
	return socketUse{}, false
}
