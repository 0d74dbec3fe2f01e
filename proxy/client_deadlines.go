package proxy

import (
	"time"

	"reverse-proxy/proxy/deadline"
)

// Look implements deadline.Owner.
func (c *clientConn) Look(p deadline.Phase) (rest time.Duration) {
	if c.isStuck() {
		c.cutStuck(p)
		return 0
	}
	if p == deadline.PhaseIdle {
		if h := c.http2.Load(); h != nil {
			h.cool()
		}
		if waited, ok := c.timer.Since(deadline.PhaseIdle, c.server.idleTimeout); ok && waited >= c.server.registry.dormantAfter {
			c.idle.Ask()
		}
	}
	if p == deadline.PhaseStreams {
		if h := c.http2.Load(); h != nil {
			h.coolWorkers()
		}
	}
	if p == deadline.PhaseFlush && c.isFlushed() {
		c.endFlush()
	}
	if p == deadline.PhaseTunnel {
		rest = mostBetweenChecks
	}
	if p == deadline.PhaseUpstream || p == deadline.PhaseBody {
		c.mu.Lock() // so the exchange stays the same
		if c.work != nil && c.timer.Phase() == p {
			rest = c.work.exchange.lookForLeave(p)
		}
		c.mu.Unlock()
	}
	if c.socket.writing.Load() || !c.allTaken() { // isStuck and Extend have to see whether the client takes what was written
		return 0
	}
	return rest
}

// Extend implements deadline.Owner.
func (c *clientConn) Extend(p deadline.Phase) time.Duration {
	if p == deadline.PhaseFirst && c.hasReceived() {
		return 2 * deadline.Interval // the request has arrived and is about to be read
	}
	switch p {
	case deadline.PhaseStreams:
		return c.server.bodyIdle() // a connection whose client takes nothing is ended by Look, through isStuck
	case deadline.PhaseFlush:
		if c.progressed() {
			return c.server.flushTime()
		}
		return 0
	case deadline.PhaseBody, deadline.PhaseTunnel:
	default:
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work == nil || c.timer.Phase() != p {
		return 0
	}
	return c.work.exchange.Extend(p)
}

// Expire implements deadline.Owner: it ends whatever the connection waits for.
func (c *clientConn) Expire(p deadline.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer.Phase() != deadline.PhaseExpired {
		return // the deadline was reset meanwhile, and this may already be another request
	}
	c.late.Store(int64(p))
	if c.work != nil && (p == deadline.PhaseUpstream || p == deadline.PhaseBody || p == deadline.PhaseTunnel) {
		c.work.exchange.Expire(p)
		return
	}
	if p == deadline.PhaseFlush {
		c.endFlush()
		return
	}
	c.interrupt()
}

// Sleep implements readiness.Owner. A shutdown of the server waits for dormant connections too.
func (c *clientConn) Sleep() { c.server.conns.Add(1) }

// Resume implements readiness.Owner.
func (c *clientConn) Resume() {
	c.server.conns.Go(func() { c.run(true) })
	c.server.conns.Done()
}
