package proxy

import (
	"reverse-proxy/proxy/http1"
)

// Inform implements clientWriter.
func (w *http1Work) Inform(status int, reason string, fields Fields) error {
	if w.request.Protocol == HTTP10 {
		return nil // HTTP/1.0 has no interim responses
	}
	w.takeOut()
	w.out = http1.AppendStatusLine(w.out, status, reason)
	for i := range fields {
		w.out = http1.AppendField(w.out, fields[i].Name, fields[i].Value)
	}
	w.out = append(w.out, "\r\n"...)
	err := w.flush()
	w.giveOut() // the final response may take long to arrive
	return err
}

// takeOut takes a buffer for the output unless there is one.
func (w *http1Work) takeOut() {
	if w.outBuffer == nil {
		w.outBuffer = outBuffers.Get().(*[]byte)
		w.out = (*w.outBuffer)[:0]
	}
}

// giveOut returns the output buffer to its pool. The output must have been sent.
func (w *http1Work) giveOut() {
	if w.outBuffer != nil {
		*w.outBuffer = w.out // a long head may have enlarged it
		putOutBuffer(w.outBuffer)
		w.out, w.outBuffer = nil, nil
	}
}

// Head implements clientWriter.
func (w *http1Work) Head(status int, reason string, fields Fields, length int64, closing bool) error {
	w.closeAfter = w.closeAfter || closing || w.conn.revived || w.conn.server.draining()
	w.bodyless = w.request.Method == "HEAD" || status == 204 || status == 304
	w.chunked = length < 0 && !w.bodyless && w.request.Protocol == HTTP11
	if length < 0 && !w.bodyless && !w.chunked {
		w.closeAfter = true // HTTP/1.0 ends such a body with the connection
	}
	w.takeOut()
	w.out = http1.AppendStatusLine(w.out, status, reason)
	for i := range fields {
		w.out = http1.AppendField(w.out, fields[i].Name, fields[i].Value)
	}
	switch {
	case length >= 0 && status != 204:
		w.out = append(w.out, "Content-Length: "...)
		w.out = http1.AppendInt(w.out, length)
		w.out = append(w.out, "\r\n"...)
	case w.chunked:
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	}
	if w.closeAfter {
		w.out = append(w.out, "Connection: close\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
	return nil
}

// Write implements clientWriter.
func (w *http1Work) Write(p []byte) (int, error) {
	if w.bodyless {
		return len(p), nil
	}
	w.takeOut()
	if w.chunked {
		w.out = http1.AppendChunkHead(w.out, len(p))
	}
	for rest := p; len(rest) > 0; {
		// A TLS record holds 16 KiB: fill one with the waiting bytes, and send the rest of a long part directly.
		if len(w.out) == 0 && len(rest) >= outBufferBytes {
			if err := w.send(rest); err != nil {
				return 0, err
			}
			break
		}
		n := min(len(rest), outBufferBytes-len(w.out))
		if n <= 0 {
			if err := w.flush(); err != nil {
				return 0, err
			}
			continue
		}
		w.out = append(w.out, rest[:n]...)
		rest = rest[n:]
		if len(w.out) >= outBufferBytes {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	if w.chunked {
		w.out = http1.AppendChunkEnd(w.out)
	}
	return len(p), nil
}

// Flush implements clientWriter. It keeps no buffer, because the next part may take long to arrive.
func (w *http1Work) Flush() error {
	err := w.flush()
	w.giveOut()
	return err
}

func (w *http1Work) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	err := w.send(w.out)
	w.out = w.out[:0]
	return err
}

// send writes to the client, which may be slow.
func (w *http1Work) send(p []byte) error {
	if w.exchange.answered.Load() { // else another goroutine may be reading the response
		w.exchange.call.leaveHead()
	}
	w.exchange.call.blocks()
	_, err := w.conn.stream.Write(p)
	w.exchange.call.unblocks()
	return err
}

// AwaitRoom implements clientWriter.
func (w *http1Work) AwaitRoom(holder bufferHolder) error {
	if pace := &w.conn.socket.writePace; pace.mustRest() {
		holder.setAside()
		pace.rest()
	}
	if !w.conn.secure.isFull() {
		return nil
	}
	holder.setAside()
	w.exchange.call.blocks()
	defer w.exchange.call.unblocks()
	return w.conn.socket.awaitRoom()
}

// End implements clientWriter.
func (w *http1Work) End(trailers Fields) error {
	if w.chunked {
		w.takeOut()
		w.out = http1.AppendLastChunk(w.out, trailers)
	}
	w.exchange.call.releaseResponse() // everything was copied, and the client may be slow
	return w.flush()
}

// Interrupt implements clientWriter. An interim response that does not wait for the client is written whole, because an
// error response may follow. One that begins to wait afterwards ends with Overdue.
func (w *http1Work) Interrupt(writing bool) {
	if writing && (w.exchange.answered.Load() || w.conn.socket.blocked.Load()) {
		w.conn.interrupt()
		return
	}
	_ = w.conn.tcp.SetReadDeadline(pastDeadline) // fails only if the connection is already gone
}

// Resume implements clientWriter.
func (w *http1Work) Resume() { w.conn.resumeWrites() }

// Misdirected implements clientWriter. The connection ends with the answer anyway.
func (w *http1Work) Misdirected(string) {}

// Gone implements clientWriter.
func (w *http1Work) Gone() bool { return w.conn.hungUp() }

// Progressed implements clientWriter.
func (w *http1Work) Progressed() bool { return w.conn.progressed() }
