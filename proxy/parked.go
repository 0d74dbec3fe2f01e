package proxy

import (
	"net/netip"
	"sync"
)

const (
	// parkedBytes bounds the memory of answers that no longer need an upstream and that their clients do not take.
	parkedBytes = 16 << 20
	// parkedStreamBytes is the cost of such an answer in addition to its bytes: the stack of its goroutine, the stream and
	// its exchange, and garbage that is not collected yet.
	parkedStreamBytes = 32 << 10
)

// parkedAnswers are the answers over HTTP/2 that are complete here, hold no upstream connection, and wait for clients that
// do not take them (S-12.8). The shares of upstream connections do not bound them. The answer that has been blocked longest
// is first.
type parkedAnswers struct {
	// mu is taken after the mu of a connection, and no lock is taken under it.
	mu          sync.Mutex
	held, limit int64
	first, last *parkedAnswer
	// reset counts the evicted answers.
	reset uint64
}

// parkedAnswer is a stream's entry among the parked answers; the mu of parkedAnswers guards it.
type parkedAnswer struct {
	prev, next *parkedAnswer
	account    *clientAccount
	client     netip.Addr
	conn       *h2Conn
	stream     uint32
	cost       int64
	in         bool
}

// parkedVictim is an answer to evict. The stream may have ended meanwhile, so it is looked up.
type parkedVictim struct {
	conn   *h2Conn
	client netip.Addr
	stream uint32
	// held is the cost in bytes of all parked answers of the victim's client.
	held int64
}

// enter adds an answer of the given cost in bytes. It reports whether answers have to be evicted now.
func (p *parkedAnswers) enter(e *parkedAnswer, account *clientAccount, cost int64) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.account, e.cost, e.in = account, cost, true
	p.append(e)
	p.held += cost
	account.parked += cost
	return p.held > p.limit
}

// leave removes an answer, unless it was evicted before.
func (p *parkedAnswers) leave(e *parkedAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.in {
		p.remove(e)
	}
}

// moved records that the client has taken a part of the answer, which restarts its blocked time.
func (p *parkedAnswers) moved(e *parkedAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.in {
		p.unlink(e)
		p.append(e)
	}
}

// victim removes the answer to evict and returns it; ok is false if all answers fit. It chooses the answer that has been
// blocked longest among those whose client holds more than a quarter of the limit, or else among all.
func (p *parkedAnswers) victim() (v parkedVictim, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held <= p.limit || p.first == nil {
		return v, false
	}
	e := p.first
	for e != nil && e.account.parked <= p.limit/4 {
		e = e.next
	}
	if e == nil {
		e = p.first
	}
	v = parkedVictim{conn: e.conn, client: e.client, stream: e.stream, held: e.account.parked}
	p.remove(e)
	p.reset++
	return v, true
}

// resets returns how many answers were evicted.
func (p *parkedAnswers) resets() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reset
}

// append makes an answer the last of the list. The caller holds mu.
func (p *parkedAnswers) append(e *parkedAnswer) {
	e.prev, e.next = p.last, nil
	if p.last == nil {
		p.first = e
	} else {
		p.last.next = e
	}
	p.last = e
}

// remove removes an answer and its cost. The caller holds mu.
func (p *parkedAnswers) remove(e *parkedAnswer) {
	p.unlink(e)
	p.held -= e.cost
	e.account.parked -= e.cost
	e.account, e.in = nil, false
}

// unlink removes an answer from the list. The caller holds mu.
func (p *parkedAnswers) unlink(e *parkedAnswer) {
	if e.prev == nil {
		p.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		p.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}
