package proxy

import (
	"time"

	"reverse-proxy/proxy/deadline"
)

// takeOver makes the call the one that receives a reply, in place of the question's. From then on it is the cancellation of
// this call that interrupts the reading. idle is how long the body may stall.
func (c *upstreamCall) takeOver(got *reply, idle time.Duration) {
	from := got.call
	c.to, c.request, c.body, c.client, c.pin, c.log = from.to, from.request, from.body, from.client, nil, from.log
	c.body.timedBy(c.timer, idle)
	c.seen = from.seen
	if got.rest == nil {
		c.response, from.response = from.response, nil
		return
	}
	c.to.pool.handOver(got.rest, c)
	if !c.use(got.rest) {
		got.rest.interrupt() // as the cancellation would have
	}
}

// handOver makes a call the holder of a connection in use.
func (p *upstreamPool) handOver(conn *upstreamConn, to *upstreamCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conn.holder = to
}

// sendReply sends an answer whose body is a service's reply. A long body is sent part by part as it arrives, like that of a
// response.
func (p *pipeline) sendReply(x *exchange, a *answer) {
	x.turn.give()
	got, call := a.reply, &x.call
	if !x.sendHead(a, got.length(x.request.Protocol), a.contentType) {
		if got.rest != nil {
			call.release(got.rest)
		}
		call.releaseResponse()
		return
	}
	given, cut := p.relayReply(x, got)
	if !given {
		call.release(got.rest)
	}
	call.releaseResponse()
	x.abort = x.abort || cut != nil
}

// relayReply sends the body of a reply. given and cut are those of relay.
func (p *pipeline) relayReply(x *exchange, got *reply) (given bool, cut *answer) {
	given = got.rest == nil
	sent := int64(0)
	for _, part := range [...][]byte{got.copied, got.last} {
		if len(part) == 0 {
			continue
		}
		if _, err := x.client.Write(part); err != nil {
			return given, p.clientLost(x, err)
		}
		sent += int64(len(part))
		x.wrote(len(part))
		x.timer.Set(deadline.PhaseBody, x.body.idle)
	}
	got.copied, got.last = nil, nil
	if given {
		if err := x.client.End(nil); err != nil {
			return true, p.clientLost(x, err)
		}
		return true, nil
	}
	given, err := x.relayBody(got.rest, maxReplyBytes-sent)
	if lost, ok := err.(upstreamSide); ok {
		x.refusedBy = byServiceError
		cut = p.upstreamLost(x, lost.error)
		x.upstreamAtFault = false // it was the service
		return false, cut
	}
	if err != nil {
		return given, p.clientLost(x, err)
	}
	return true, nil
}
