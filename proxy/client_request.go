package proxy

import (
	"errors"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/http1"
)

// serveRequests answers the request whose first bytes are in the buffer, and all further requests in the buffer. It
// reports whether the connection stays open.
func (w *http1Work) serveRequests() bool {
	defer w.exchange.turn.give() // even after a panic
	for {
		if !w.serveOne() {
			return false
		}
		if w.start == w.end {
			return true
		}
		// The rest is the beginning of the next request (pipelining): it is answered in order.
		w.end = copy(w.in, w.in[w.start:w.end])
		w.start = 0
		if !w.conn.timer.Set(deadline.PhaseHead, w.conn.server.headerTimeout) {
			return false
		}
	}
}

// serveOne reads one request and answers it. It reports whether the connection can carry another one.
func (w *http1Work) serveOne() bool {
	c := w.conn
	n, err := w.readHead()
	if err != nil {
		var refused *http1.Error
		if errors.As(err, &refused) {
			w.refuse(refused)
		}
		return false
	}
	w.start = n
	w.begin()
	x := &w.exchange
	c.server.handler.handle(x)
	w.head.Fields = w.request.Fields[:0] // the stages may have grown the list; the next head reuses its memory
	if x.abort {
		c.aborted = true
		return false
	}
	unread := x.bodyUnread() || opensTunnel(&w.head)
	if w.flush() != nil {
		return false
	}
	w.giveOut()
	if unread {
		c.lingerClose()
		return false
	}
	w.body.release()
	return !w.closeAfter
}

// readHead reads until a complete head is in the buffer, and parses it.
func (w *http1Work) readHead() (n int, err error) {
	looked := 0
	for {
		n, err = w.head.Parse(w.in[:w.end], looked)
		if err != http1.ErrIncomplete {
			return n, err
		}
		looked = w.end
		if w.end == len(w.in) && !w.grow() {
			return 0, &http1.Error{Status: statusHeadTooLarge, Reason: "request head over 64 KiB"}
		}
		read, err := w.conn.stream.Read(w.in[w.end:])
		w.end += read
		if read == 0 && err != nil {
			return 0, err
		}
	}
}

// grow makes room for a head that does not fit.
func (w *http1Work) grow() bool {
	if len(w.in) > http1.MaxHeadBytes {
		return false
	}
	larger := make([]byte, http1.MaxHeadBytes+readBufferBytes)
	copy(larger, w.in[:w.end])
	w.in = larger
	return true
}

// begin sets up the exchange from the parsed head.
func (w *http1Work) begin() {
	c, head, r := w.conn, &w.head, &w.request
	*r = c.newRequest()
	r.takeHead(head)
	if head.Chunked || head.ContentLength > 0 {
		w.body.begin(w)
		r.Body, r.Upgrade = &w.body, ""
		w.trailerNames = w.trailerNames[:0]
		if head.Chunked && r.Fields.Has("Trailer") {
			w.trailerNames = appendTrailerNames(w.trailerNames, r.Fields)
			r.TrailerNames = w.trailerNames
		}
	}
	w.closeAfter = !head.KeepAlive || opensTunnel(head)
	w.chunked, w.bodyless = false, false
	w.resetExchange()
}

// newRequest returns an empty request of the connection. Its client is the peer until the exchange determines the
// client that the peer forwards for.
func (c *clientConn) newRequest() Request {
	return Request{Client: c.peerAddr, ClientText: c.peerText, Peer: c.socketAddr, Addrs: &c.addrs, Account: c.account, Port: c.server.port, Identity: c.identity}
}

// resetExchange resets the exchange for the new request. The sweeper may still be looking at the previous one.
func (w *http1Work) resetExchange() {
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	w.exchange.reset(&w.request, w, &w.conn.timer, w.conn.server.listener)
	w.exchange.call.pin = &w.conn.pin
}

// opensTunnel reports whether a request asks for a tunnel, which is always refused. The bytes after it must not be read
// as a request (RFC 9931). They may be data for the tunnel that the client has sent early, and a third party may have
// supplied that data.
func opensTunnel(head *http1.Request) bool { return head.Method == "CONNECT" }

// refuse answers a malformed head and closes the connection. The limiter counts the head like any request.
func (w *http1Work) refuse(refused *http1.Error) {
	w.refuseWith("-", answerStatus(refused.Status), refused.Reason)
}

// refuseWith does what refuse does, with a given answer and a given reason for the log.
func (w *http1Work) refuseWith(method string, a *answer, reason string) {
	c := w.conn
	w.request = c.newRequest()
	w.request.Protocol, w.request.Method, w.request.Target, w.request.Plain = HTTP11, method, "-", c.tls == nil
	w.resetExchange()
	w.closeAfter = true
	w.start = w.end
	c.server.handler.refuse(&w.exchange, a, reason)
	if w.flush() == nil {
		c.lingerClose()
	}
}
