package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Address is the `address:https_port` of the listener's first address. It is the listener's name in the log, in the
// metrics, in `status` and in `diff`.
func (l Listener) Address() string {
	if len(l.BindAddrs) == 0 {
		return ""
	}
	return l.Addresses()[0]
}

// Addresses are the `address:https_port` of all addresses, in the order of the file.
func (l Listener) Addresses() []string {
	addresses := make([]string, len(l.BindAddrs))
	for i, addr := range l.BindAddrs {
		addresses[i] = net.JoinHostPort(addr, strconv.Itoa(l.HTTPSPort))
	}
	return addresses
}

// Addrs are the addresses to bind, each once, with IPv4-mapped addresses as IPv4. It omits what is not an address,
// which validation refuses.
func (l Listener) Addrs() []netip.Addr {
	addrs := make([]netip.Addr, 0, len(l.BindAddrs))
	for _, text := range l.BindAddrs {
		if addr, err := netip.ParseAddr(text); err == nil && !slices.Contains(addrs, addr.Unmap()) {
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs
}

// MatchListeners returns, for each running listener, the index of its match in the file, from which a reload takes
// its sites; -1 if the file no longer has the listener. A match has the same https_port and one of the same
// addresses. The listeners left over are paired in order, so that a changed port is reported as one changed key and
// not as one listener removed and another added. If the file joins the addresses of two running listeners in one,
// both have the same match.
func MatchListeners(running, file []Listener) []int {
	byAddress := make(map[string]int)
	for j, listener := range file {
		for _, address := range listener.Addresses() {
			byAddress[address] = j
		}
	}
	matches := make([]int, len(running))
	taken := make(map[int]bool)
	for i, listener := range running {
		matches[i] = -1
		for _, address := range listener.Addresses() {
			if j, ok := byAddress[address]; ok {
				matches[i] = j
				break
			}
		}
		taken[matches[i]] = true
	}
	next := 0
	for i := range matches {
		if matches[i] >= 0 {
			continue
		}
		for next < len(file) && taken[next] {
			next++
		}
		if next < len(file) {
			matches[i] = next
			next++
		}
	}
	return matches
}
