package proxy

import (
	"fmt"
	"net"
	"net/netip"

	"reverse-proxy/proxy/config"
	"reverse-proxy/proxy/systemd"
)

// wantedPorts lists the ports of the configuration.
func wantedPorts(cfg *config.Config) (ports []systemd.Port) {
	add := func(key, name, addr string, port int, optional bool) {
		if port == 0 {
			return
		}
		ip, _ := netip.ParseAddr(addr) // validated
		ports = append(ports, systemd.Port{Key: key, Name: name, Address: netip.AddrPortFrom(ip.Unmap(), uint16(port)), Optional: optional})
	}
	for i, l := range cfg.Listeners {
		for _, addr := range l.BindAddrs {
			add(config.ChildKey(config.IndexKey("listeners", i), "https_port"), fmt.Sprintf("https-%d", i), addr, l.HTTPSPort, false)
			add(config.ChildKey(config.IndexKey("listeners", i), "http_port"), fmt.Sprintf("http-%d", i), addr, l.HTTPPort, false)
		}
	}
	add("health_check_port", "health", "127.0.0.1", cfg.HealthCheckPort, true)
	return ports
}

// listen returns the socket that systemd has passed for the address and port, or else binds one. key names the port in
// errors.
func listen(sockets systemd.Sockets, key, addr string, port int) (net.Listener, error) {
	ip, _ := netip.ParseAddr(addr) // validated
	if ln, ok := sockets.ListenerOf(netip.AddrPortFrom(ip.Unmap(), uint16(port))); ok {
		return ln, nil
	}
	return bind(key, addr, port)
}
