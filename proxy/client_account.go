package proxy

import (
	"sync/atomic"

	"reverse-proxy/proxy/limit"
	"reverse-proxy/proxy/share"
)

// clientAccount counts one client's use of the resources that all clients share (S-12.6). A client is an IPv4 address
// or an IPv6 /64, over all its connections, on every port and over every protocol. The account exists while the client
// has a connection or a request.
type clientAccount struct {
	key limit.Key
	// conns is the number of the client's connections. leaving is how many of them were told to make room. requests is
	// the number of its requests in flight that came through trusted proxies. The registry's mu guards all three.
	conns, leaving, requests int
	// proxy reports whether the account belongs to a trusted proxy. No share applies to it, because its requests are
	// those of its clients.
	proxy bool
	// upstreams is the part of the upstream connections that the client's requests use.
	upstreams share.Client
	// parked is how many bytes the client's parked answers hold. The mu of parkedAnswers guards it.
	parked int64
	// turns are the turns in which the client's goroutines compute (turn.go). It is nil until the client first has
	// crowdConns connections.
	turns atomic.Pointer[turns]
	// room lists the client's goroutines that wait for room for their streams. The mu of h2Room guards it.
	room h2RoomLine
}

// accounts maps each client that has a connection or a request to its account. Its owner guards it.
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
	account := a.of(key)
	account.conns++
	account.crowd()
	return account
}

// of returns the account of a client, and creates it if there is none.
func (a accounts) of(key limit.Key) *clientAccount {
	account := a[key]
	if account == nil {
		account = &clientAccount{key: key}
		a[key] = account
	}
	return account
}

// crowd makes a client with many connections take turns. Requests through proxies count like connections.
func (account *clientAccount) crowd() {
	if account.conns+account.requests >= crowdConns && account.turns.Load() == nil && !account.proxy {
		account.turns.Store(newTurns())
	}
}

// intake returns what bounds the client's streams, or nil if the client takes no turns.
func (account *clientAccount) intake() *intake {
	if account == nil {
		return nil
	}
	if all := account.turns.Load(); all != nil {
		return &all.intake
	}
	return nil
}

// close counts the end of a connection, and forgets a client that has nothing left.
func (a accounts) close(account *clientAccount) {
	account.conns--
	a.forget(account)
}

// forget forgets a client that has nothing left.
func (a accounts) forget(account *clientAccount) {
	if account.conns == 0 && account.requests == 0 {
		delete(a, account.key)
	}
}

// exceeds reports whether the client holds its share of the connections, or more. A trusted proxy has no share.
func (account *clientAccount) exceeds(share int) bool {
	return !account.proxy && account.conns >= share
}
