package proxy

import (
	"crypto/tls"
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"reverse-proxy/proxy/share"
)

// processSeries holds the numbers that belong to no site.
type processSeries struct {
	// lanes hold what every request counts.
	lanes []processLane

	// The following events are rare enough, or costly enough by themselves, for one number for all cores.

	handshakes   [len(handshakeResults)][len(tlsVersions)]atomic.Uint64
	breaches     atomic.Uint64
	shares       [share.Limits]atomic.Uint64
	reloads      [len(reloadResults)]atomic.Uint64
	reloadFailed atomic.Bool // whether the latest reload failed
}

// processLane is one lane of the numbers that every request counts.
type processLane struct {
	protocols [len(protocolNames)]atomic.Uint64
	limited   atomic.Uint64
	_         cpu.CacheLinePad
}

// protocolNames are the names of the protocols of requests.
var protocolNames = [...]string{HTTP10: "HTTP/1.0", HTTP11: "HTTP/1.1", HTTP2: "HTTP/2"}

// handshakeResult is how a TLS handshake ended.
type handshakeResult int

const (
	handshakeDone handshakeResult = iota
	// handshakeFailed includes handshakes for a name without a certificate.
	handshakeFailed
	// handshakeClosed is a client that left without sending anything, as port scanners and port checks do.
	handshakeClosed
	handshakeLate
)

var handshakeResults = [...]string{
	handshakeDone: "success", handshakeFailed: "error", handshakeClosed: "closed", handshakeLate: "timeout",
}

// tlsVersions are the names of the versions on which a handshake may agree; "" for one that did not get that far.
var tlsVersions = [...]string{"", "1.2", "1.3"}

// handshake counts a handshake.
func (p *processSeries) handshake(result handshakeResult, version uint16) {
	at := 0
	switch version {
	case tls.VersionTLS12:
		at = 1
	case tls.VersionTLS13:
		at = 2
	}
	if !result.has(at) {
		at = 0
	}
	p.handshakes[result][at].Add(1)
}

// has reports whether handshakes with the result are counted with that version: a successful one has a version, and
// one whose client left has none.
func (r handshakeResult) has(version int) bool {
	switch r {
	case handshakeDone:
		return version > 0
	case handshakeFailed:
		return true
	}
	return version == 0
}

var reloadResults = [...]string{"success", "error"}

// reload counts a reload.
func (p *processSeries) reload(ok bool) {
	p.reloadFailed.Store(!ok)
	if ok {
		p.reloads[0].Add(1)
	} else {
		p.reloads[1].Add(1)
	}
}

// limited returns the number of requests that were refused by the rate limit.
func (p *processSeries) limited() uint64 {
	total := uint64(0)
	for i := range p.lanes {
		total += p.lanes[i].limited.Load()
	}
	return total
}

// byProtocol returns the number of requests in a protocol.
func (p *processSeries) byProtocol(protocol Protocol) uint64 {
	total := uint64(0)
	for i := range p.lanes {
		total += p.lanes[i].protocols[protocol].Load()
	}
	return total
}
