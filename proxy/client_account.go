package proxy

import (
	"sync/atomic"

	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/share"
)

// clientAccount is one client's use of the resources that all clients share (S-12.6). A client is an IPv4 address or an
// IPv6 /64, over all its connections, on every port and over every protocol. The account exists while the client has a
// connection.
type clientAccount struct {
	key limit.Key
	// conns is the number of the client's connections, and leaving how many of them were told to make room. The registry's
	// mu guards both.
	conns, leaving int
	// upstreams is what the client's requests use of the upstream connections.
	upstreams share.Client
	// parked is how many bytes the client's parked answers hold. The mu of parkedAnswers guards it.
	parked int64
	// turns are the turns that the client's goroutines take in order to compute; nil until it first has crowdConns
	// connections.
	turns atomic.Pointer[turns]
}

// accounts maps each client that has a connection to its account. Its owner guards it.
type accounts map[limit.Key]*clientAccount

// held returns the number of connections of a client.
func (a accounts) held(key limit.Key) int {
	if account := a[key]; account != nil {
		return account.conns
	}
	return 0
}

// open counts a new connection of a client and returns the client's account.
func (a accounts) open(key limit.Key) *clientAccount {
	account := a[key]
	if account == nil {
		account = &clientAccount{key: key}
		a[key] = account
	}
	if account.conns++; account.conns == crowdConns && account.turns.Load() == nil {
		account.turns.Store(newTurns())
	}
	return account
}

// close counts the end of a connection, and forgets a client that has none left.
func (a accounts) close(account *clientAccount) {
	if account.conns--; account.conns == 0 {
		delete(a, account.key)
	}
}
