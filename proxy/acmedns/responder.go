package acmedns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxQuery bounds the length of a query. Most have fewer than 100 bytes.
	maxQuery = 4096
	// paceEvery messages over UDP take at least paceTime, so that a flood costs only part of a core. The kernel drops the rest.
	paceEvery, paceTime = 64, 4 * time.Millisecond
)

// Responder answers DNS queries for Records over UDP and TCP. It answers an address at most ten times a second, and refuses
// all names that the Records do not have.
type Responder struct {
	*Records
	udp     *net.UDPConn
	tcp     *net.TCPListener
	allowed allowance
	conns   connTable
	served  sync.WaitGroup
	counts  [len(QueryResults)]atomic.Uint64
	ctx     context.Context
	end     context.CancelFunc
}

// Listen binds both sockets of an address and port, and answers from then on. Until the Records have names all queries are
// refused. The error is that of the socket.
func Listen(address string, records *Records) (*Responder, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	// A port of 0, as in tests, is chosen once for both.
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		tcp.Close()
		return nil, err
	}
	r := &Responder{Records: records, udp: udp.(*net.UDPConn), tcp: tcp.(*net.TCPListener)}
	r.ctx, r.end = context.WithCancel(context.Background())
	r.served.Go(r.serveUDP)
	r.served.Go(r.serveTCP)
	return r, nil
}

// Addr returns the address and port.
func (r *Responder) Addr() string { return r.tcp.Addr().String() }

// Close closes the sockets and all connections, and waits until nothing is answered any more. It may be called more than
// once.
func (r *Responder) Close() {
	r.end()
	r.udp.Close()
	r.tcp.Close()
	r.conns.closeAll()
	r.served.Wait()
}

// serveUDP answers one message after the other.
func (r *Responder) serveUDP() {
	packet := make([]byte, maxQuery)
	var pace pacer
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(packet)
		if errors.Is(err, net.ErrClosed) || r.ctx.Err() != nil {
			return
		}
		pace.wait(r.ctx)
		if err != nil {
			continue // an ICMP message about an earlier answer
		}
		if answer := r.reply(packet[:n], from.Addr(), true); answer != nil {
			_, _ = r.udp.WriteToUDPAddrPort(answer, from)
		}
	}
}

// reply returns the answer to a message from an address; nil for none. It looks at the allowance first, because that costs least.
func (r *Responder) reply(query []byte, from netip.Addr, udp bool) []byte {
	result, answer := queryDropped, []byte(nil)
	if len(query) >= headerLen && r.allowed.take(from, time.Now()) {
		answer = r.answer(query, udp)
	}
	if answer != nil {
		result = queryRefused
		if code := int(answer[3] & 0xf); code == dns.RcodeSuccess || code == dns.RcodeNameError {
			result = queryAnswered
		}
	}
	r.counts[result].Add(1)
	return answer
}

// The results of queries, as indexes of QueryResults.
const (
	queryAnswered = iota
	queryRefused
	queryDropped
)

// QueryResults are the results of queries: answered from the Records; refused, or not understood; dropped without an answer, as
// the address already got its answers in this second.
var QueryResults = [...]string{"answered", "refused", "dropped"}

// Queries returns the number of queries with each of QueryResults.
func (r *Responder) Queries() (counts [len(QueryResults)]uint64) {
	for i := range counts {
		counts[i] = r.counts[i].Load()
	}
	return counts
}

// pacer slows a loop down.
type pacer struct {
	count int
	began time.Time
}

// wait waits after every paceEvery calls until paceTime has passed since the first of them.
func (p *pacer) wait(ctx context.Context) {
	if p.count == 0 {
		p.began = time.Now()
	}
	if p.count++; p.count < paceEvery {
		return
	}
	p.count = 0
	if left := paceTime - time.Since(p.began); left > 0 {
		pause(ctx, left)
	}
}
