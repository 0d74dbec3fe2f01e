package proxy

import "sync/atomic"

// clientAccount is what one client holds of what all clients share (S-12.6): an IPv4 address or an IPv6 /64, over all its
// connections, on every port and over every protocol. It exists while the client has a connection.
type clientAccount struct {
	key clientKey
	// conns is the number of the client's connections. The registry's mu guards it.
	conns int
	// upstreams is the number of upstream connections that requests of the client use.
	upstreams atomic.Int32
}

// accounts finds the account of each client that has a connection. Its owner guards it.
type accounts map[clientKey]*clientAccount

// open counts one more connection of a client and returns the client's account.
func (a accounts) open(key clientKey) *clientAccount {
	account := a[key]
	if account == nil {
		account = &clientAccount{key: key}
		a[key] = account
	}
	account.conns++
	return account
}

// close counts one connection less, and forgets a client without any.
func (a accounts) close(account *clientAccount) {
	if account.conns--; account.conns == 0 {
		delete(a, account.key)
	}
}
