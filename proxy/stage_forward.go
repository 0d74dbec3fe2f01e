package proxy

import (
	"errors"
	"io"
	"math"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
)

// forward sends the request to the site's upstream and the response to the client, streaming both bodies (S-6.7). It
// returns nil only if the client was given the whole response, or a tunnel has ended in order. Otherwise it returns the
// answer to a request without a response, or an answer that cuts the connection.
func (p *pipeline) forward(x *exchange) *answer {
	x.turn.pause()
	call := &x.call
	call.log = p.log
	if limits := x.route.limits; limits != nil && limits.gate != nil {
		if refused := p.enterGate(x, limits); refused != nil {
			return refused
		}
		defer x.leaveGate()
	}
	defer x.pick.Leave()
	conn, err := x.route.ask(p.upstreams, call, &x.pick)
	x.connectTime, x.responseTime = call.connectTime, call.responseTime
	if err != nil {
		return p.forwardFailed(x, err)
	}
	if conn.head.Status == 101 {
		return p.tunnel(x, conn)
	}
	conn.body.begin(conn.upstreamResponse, x.request.Method)
	given, cut := p.relay(x, conn)
	if !given {
		call.release(conn)
		call.releaseOut() // the pump no longer needs it, and the next request of this exchange must not find it
	}
	call.releaseResponse()
	return cut
}

// truncated returns the answer for a response that has begun but cannot be completed.
func truncated(x *exchange) *answer { return &answer{status: x.status, abort: true} }

// forwardFailed returns the answer for an exchange that ended without a response, and logs who was at fault (S-6,
// Errors; S-6.10).
func (p *pipeline) forwardFailed(x *exchange, err error) *answer {
	bodyError, cause := x.body.failed(), x.call.settle()
	x.turn.take(x.request.Account) // exchanges that waited for the same event may all arrive at once
	if met := x.shareOf(err); met != nil {
		return p.refuseByShare(x, met)
	}
	if lost := x.placeLost(); lost != nil {
		return p.refusePlace(x)
	}
	switch {
	case errors.Is(bodyError, errBodyTooLarge):
		return answerStatus(statusPayloadTooLarge)
	case cause == errClientIdle:
		return answerStatus(statusRequestTimeout)
	case cause == errClientGone, cause == errOverShare:
		return x.clientGone(cause)
	case cause != nil:
		p.upstreamFailed(x, cause)
		return answerStatus(statusGatewayTimeout)
	case bodyError != nil && isMalformedBody(bodyError):
		return answerStatus(statusBadRequest)
	case bodyError != nil:
		return x.clientGone(bodyError)
	}
	p.upstreamFailed(x, err)
	if x.passedReset != http2.NoError && isGRPC(x.request) {
		return &answer{status: statusBadGateway, abort: true} // its client would repeat a call that is answered with 502
	}
	if isTimeout(err) || err == errUpstreamTimeout {
		return answerStatus(statusGatewayTimeout)
	}
	return answerStatus(statusBadGateway)
}

// upstreamFailed records and logs that the upstream is at fault.
func (p *pipeline) upstreamFailed(x *exchange, err error) {
	x.upstreamAtFault = true
	x.passedReset = passedReset(err)
	logUpstreamError(p.log, x.host, x.call.to.address, err)
}

// clientGone ends an exchange whose client left before there was a response.
func (x *exchange) clientGone(cause error) *answer {
	x.logClientGone(cause)
	return &answer{status: statusClientGone, abort: true}
}

func (x *exchange) logClientGone(cause error) {
	if x.log.Enabled(eventlog.LevelDebug) {
		x.log.Log(eventlog.LevelDebug, "CLIENT_GONE", eventlog.Str("client_ip", x.request.ClientText), eventlog.Str("host", x.host), eventlog.Err(cause))
	}
}

// relay sends an upstream's response to the client, each part as soon as it arrives. It gives the connection back
// before it writes the last part, because from then on it waits only for the client. given reports whether the
// connection was given back. cut is the answer if the client was not given the whole response.
func (p *pipeline) relay(x *exchange, conn *upstreamConn) (given bool, cut *answer) {
	response := conn.upstreamResponse
	head := &response.head
	cleanResponse(&head.Fields)
	if !head.Fields.Has("Date") { // RFC 9110, section 6.6.1
		head.Fields.Add("Date", x.dates.now())
	}
	x.ruleResponse(&head.Fields)
	x.route.stick(x.request, x.pick.Index(), &head.Fields)
	x.status = head.Status
	if !x.beginAnswer() { // the deadline has passed since the response arrived
		return false, p.forwardFailed(x, errUpstreamTimeout)
	}
	length := response.lengthFor(x.request.Protocol)
	if err := x.client.Head(head.Status, passedReason(head.Reason), head.Fields, length, x.bodyUnread()); err != nil {
		return false, p.clientLost(x, err)
	}
	given, err := x.relayBody(conn, math.MaxInt64)
	if lost, ok := err.(upstreamSide); ok {
		return false, p.upstreamLost(x, lost.error)
	}
	if err != nil {
		return given, p.clientLost(x, err)
	}
	return true, nil
}

// upstreamSide is an error on the upstream's side of a response. Other errors are on the client's side.
type upstreamSide struct{ error }

// relayBody sends the body of a response to the client, as relay does. A body with more bytes than most is an error of the
// upstream.
func (x *exchange) relayBody(conn *upstreamConn, most int64) (given bool, err error) {
	response := conn.upstreamResponse
	body := &response.body
	for !given {
		if !body.ready() { // the next read may wait, and the buffered data must not
			if err := x.client.Flush(); err != nil {
				return false, err
			}
			response.forgetHead()
			if body.mayStop() {
				if err := x.client.AwaitRoom(response); err != nil {
					return false, err
				}
			}
		}
		data, err := body.next()
		if err != nil && err != io.EOF {
			return false, upstreamSide{err}
		}
		if most -= int64(len(data)); most < 0 {
			return false, upstreamSide{errReplyLarge}
		}
		if err == io.EOF {
			x.call.giveBack(conn)
			x.leaveGate()
			x.pick.Leave()
			given = true
		}
		if len(data) > 0 {
			if _, err := x.client.Write(data); err != nil {
				return given, err
			}
			x.wrote(len(data))
			x.timer.Set(deadline.PhaseBody, x.body.idle)
		}
	}
	trailers := body.trailers()
	cleanResponse(&trailers)
	return true, x.client.End(trailers)
}

// clientLost ends a response that the client does not read.
func (p *pipeline) clientLost(x *exchange, err error) *answer {
	if p.gaveUp(x) {
		return truncated(x)
	}
	if cause := x.cancelled(); cause != nil {
		err = cause
	}
	x.logClientGone(err)
	return truncated(x)
}

// upstreamLost ends a response that the upstream did not complete. The head has promised the client more than has
// arrived, and only a cut connection shows that (S-6.10).
func (p *pipeline) upstreamLost(x *exchange, err error) *answer {
	if p.gaveUp(x) {
		return truncated(x)
	}
	cause := x.cancelled()
	switch {
	case cause == errClientGone, cause == errOverShare, x.body.failed() != nil:
		x.logClientGone(errors.Join(cause, x.body.failed()))
		return truncated(x)
	case cause != nil:
		err = cause
	}
	_ = x.client.Flush() // the client may have what arrived; it does not matter whether it takes it
	p.upstreamFailed(x, err)
	return truncated(x)
}
