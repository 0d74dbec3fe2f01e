package proxy

import (
	"io"
	"net"

	"reverse-proxy/proxy/http1"
)

// tunnel carries an exchange on after the upstream has switched protocols (S-6.11): bytes pass both ways as they come, a
// half that is closed is closed on the other side, and it ends when nothing has moved for as long as a body may stand
// still. It counts as in flight to its end.
func (p *pipeline) tunnel(x *exchange, upstream *upstreamConn) {
	defer x.release(upstream)
	w, ok := x.client.(*http1Work)
	if !ok { // a request to upgrade is never made of HTTP/2
		x.abort = true
		return
	}
	client := w.conn
	x.status = upstream.head.Status
	// A client that has closed its sending half has not left, as it would have in phaseBody.
	if !x.beginAnswer() || !x.watch.set(phaseTunnel, x.body.idle) {
		p.clientLost(x, errBodyIdle)
		return
	}
	fields := upstream.head.Fields
	removeHopByHop(&fields)
	fields.Remove(isServerField)
	w.out = http1.AppendStatusLine(w.out, 101)
	for i := range fields {
		w.out = http1.AppendField(w.out, fields[i].Name, fields[i].Value)
	}
	w.out = http1.AppendField(w.out, "Connection", "Upgrade")
	w.out = http1.AppendField(w.out, "Upgrade", upstream.head.Upgrade)
	w.out = append(w.out, "\r\n"...)
	w.closeAfter = true
	// What either side has sent right behind its head belongs to the new protocol.
	w.out = append(w.out, (*upstream.buffer)[upstream.start:upstream.end]...)
	upstream.start = upstream.end
	if err := w.flush(); err != nil {
		p.clientLost(x, err)
		return
	}
	early := w.in[w.start:w.end]
	w.start = w.end
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer contain(x.log, x.request.ClientText, func() { x.endTunnel(errPumpStopped) })
		if _, err := upstream.Write(early); err != nil {
			x.cancel(err)
			return
		}
		x.copyTunnel(upstream.Conn, client.tls)
	}()
	x.copyTunnel(client.tls, upstream.Conn)
	<-done
	x.abort = x.cancelled() != nil
}

// halfCloser is a connection whose sending half can be closed alone.
type halfCloser interface{ CloseWrite() error }

// copyTunnel copies one direction to its end and closes that half. When either side fails the whole tunnel ends.
func (x *exchange) copyTunnel(to, from net.Conn) {
	buffer := outBuffers.Get().(*[]byte)
	defer putOutBuffer(buffer)
	room := (*buffer)[:outBufferBytes]
	for {
		n, err := from.Read(room)
		if n > 0 {
			x.watch.set(phaseTunnel, x.body.idle)
			if _, err := to.Write(room[:n]); err != nil {
				x.endTunnel(err)
				return
			}
			x.watch.set(phaseTunnel, x.body.idle)
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
