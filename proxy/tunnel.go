package proxy

import (
	"crypto/tls"
	"io"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
)

// tunnel continues an exchange after the upstream has switched protocols (S-6.11). Bytes pass both ways as they arrive, and
// a closed half is closed on the other side. The tunnel ends if nothing has moved for the idle time of a body, or if either
// side breaks off, in which case the other side sees no clean end. It counts as in flight until it ends.
func (p *pipeline) tunnel(x *exchange, upstream *upstreamConn) *answer {
	defer x.call.release(upstream)
	client, ok := x.client.(tunnelClient)
	if !ok {
		return truncated(x)
	}
	if fault := client.checkSwitch(upstream.head.Fields); fault != nil {
		return p.forwardFailed(x, fault)
	}
	x.status = upstream.head.Status
	// A client that has closed its sending half has not left, unlike in deadline.PhaseBody.
	if !x.beginAnswer() {
		return p.forwardFailed(x, errUpstreamTimeout)
	}
	if !x.timer.Set(deadline.PhaseTunnel, x.body.idle) {
		return p.clientLost(x, errBodyIdle)
	}
	fields := upstream.head.Fields
	cleanResponse(&fields)
	x.addCookies(&fields)
	// Bytes that either side has sent right after its head belong to the new protocol.
	late := upstream.buffer[upstream.start:upstream.end]
	conn, early, err := client.switchProtocol(passedReason(upstream.head.Reason), fields, upstream.head.Upgrade, late)
	sent := len(late)
	upstream.detach().release()
	if err != nil {
		return p.clientLost(x, err)
	}
	x.sent += int64(sent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer contain(x.log, x.request.ClientText, func() { x.endTunnel(errPumpStopped) })
		if _, err := upstream.Write(early); err != nil {
			x.endTunnel(err)
			return
		}
		x.received += int64(len(early))
		x.copyTunnel(upstream, conn, &x.received)
	}()
	x.copyTunnel(conn, upstream, &x.sent)
	<-done
	broken := x.cancelled() != nil
	p.gaveUp(x)
	upstream.cut, upstream.inOrder = broken, !broken
	if broken {
		return truncated(x)
	}
	return nil
}

// tunnelClient is a client's side that can switch to another protocol.
type tunnelClient interface {
	// checkSwitch checks the fields of the upstream's switch before the client is told.
	checkSwitch(fields Fields) error
	// switchProtocol tells the client that the upstream has switched, and sends what the upstream has sent since. It
	// returns the connection to go on with, and the bytes that have already arrived on it.
	switchProtocol(reason string, fields Fields, protocol string, sent []byte) (conn io.ReadWriter, early []byte, err error)
}

// checkSwitch implements tunnelClient: over HTTP/1 the client checks the response itself.
func (w *http1Work) checkSwitch(Fields) error { return nil }

// switchProtocol implements tunnelClient.
func (w *http1Work) switchProtocol(reason string, fields Fields, protocol string, sent []byte) (io.ReadWriter, []byte, error) {
	w.takeOut()
	w.out = http1.AppendStatusLine(w.out, 101, reason)
	for i := range fields {
		w.out = http1.AppendField(w.out, fields[i].Name, fields[i].Value)
	}
	w.out = http1.AppendField(w.out, "Connection", "Upgrade")
	w.out = http1.AppendField(w.out, "Upgrade", protocol)
	w.out = append(w.out, "\r\n"...)
	w.closeAfter = true
	w.out = append(w.out, sent...)
	if err := w.flush(); err != nil {
		return nil, nil, err
	}
	w.giveOut()
	early := w.in[w.start:w.end]
	w.start = w.end
	return http1Tunnel{w.conn.tls, &w.conn.secure}, early, nil
}

// http1Tunnel is a client's connection after the switch.
type http1Tunnel struct {
	*tls.Conn
	secure *clientTLS
}

// Read returns io.EOF only if the client has ended its half in order.
func (t http1Tunnel) Read(p []byte) (int, error) {
	n, err := t.secure.Read(p)
	if err == io.EOF {
		err = t.secure.socket.endError(true)
	}
	return n, err
}

// Write counts what is written, after which isFull asks for room.
func (t http1Tunnel) Write(p []byte) (int, error) {
	t.secure.unasked += len(p)
	return t.Conn.Write(p)
}

// copyTunnel copies one direction to its end, adds the number of copied bytes to passed, and closes that half. If either
// side fails, the whole tunnel ends.
func (x *exchange) copyTunnel(to io.Writer, from io.Reader, passed *int64) {
	var room tunnelRoom
	defer room.takeBack()
	for {
		n, err := room.read(to, from)
		if n > 0 {
			x.timer.Set(deadline.PhaseTunnel, x.body.idle)
			if _, err := to.Write((*room.buffer)[:n]); err != nil {
				x.endTunnel(err)
				return
			}
			*passed += int64(n)
			x.timer.Set(deadline.PhaseTunnel, x.body.idle)
		}
		if err == io.EOF {
			if half, ok := to.(halfCloser); !ok || half.CloseWrite() != nil {
				x.endTunnel(err)
			}
			return
		}
		if err != nil {
			x.endTunnel(err)
			return
		}
	}
}

// endTunnel interrupts both directions.
func (x *exchange) endTunnel(cause error) {
	x.cancel(cause)
	x.client.Interrupt(true)
}
