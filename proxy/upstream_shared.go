package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"reverse-proxy/proxy/h2client"
	"reverse-proxy/proxy/http1"
	"reverse-proxy/proxy/http2"
)

// This file has what differs in a call whose upstream speaks HTTP/2, where connections are shared. An upstreamConn is
// then the permission to have one stream. The pool and the shares count streams as they count connections of HTTP/1.1,
// each of which carries one request at a time, so their guarantees apply to streams too. Real connections are made as
// streams need them, and belong to the pool's set.

// maxSharedTries is how often in all a request may be sent to the only remaining upstream, if the upstream has certainly not
// processed it or has lost the connection before answering. If there is another upstream, maxSharedTriesHere applies: a
// connection may end at any time, but an upstream that refuses a request twice will refuse it again. Tries that make progress
// (makesProgress) do not count.
const (
	maxSharedTries     = 4
	maxSharedTriesHere = 2
)

// These are the errors of requests that a shared connection cannot carry.
var (
	errSharedAuth    = errors.New(`the request authenticates its connection (NTLM or Negotiate), and connections of HTTP/2 are shared; write upstream_protocol = "http1"`)
	errSharedUpgrade = errors.New(`the request asks for an upgrade (a WebSocket), which is not possible over HTTP/2 to this upstream; write upstream_protocol = "http1" for it`)
	errNoH2          = errors.New(`the upstream does not agree to HTTP/2 (ALPN); write upstream_protocol = "http1"`)
)

// isShared reports whether requests share the connections to the target.
func (t *upstreamTarget) isShared() bool { return t.pool != nil && t.pool.shared != nil }

// dialShared makes a connection for the pool's set.
func (t *upstreamTarget) dialShared(ctx context.Context) (net.Conn, any, error) {
	to := leadsTo{file: t.pool.socketFile()}
	conn, _, address, err := t.open(ctx, nil)
	to.address = address
	return conn, to, err
}

// endInOrder makes Close end a shared connection in order instead of with a reset (resetAtClose).
func endInOrder(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if raw, ok := conn.(*socket); ok {
		_ = raw.SetLinger(-1) // fails only if the connection is already gone
	}
}

// ready reports whether the call can send its request on the connection now: over HTTP/2, whether there is a stream.
func (p *upstreamPool) ready(conn *upstreamConn, c *upstreamCall) bool {
	switch {
	case p.shared == nil:
		return true
	case c.needsOwnConn():
		return false
	}
	conn.stream = p.shared.TryOpen(c.bodyToShare())
	return conn.stream != nil
}

// needsOwnConn reports whether the request must not share its connection, because the upstream might end the connection
// when it receives so large a head.
func (c *upstreamCall) needsOwnConn() bool { return c.to.isShared() && c.Bytes() > h2client.LargeHead }

// bodyToShare describes the body for the choice of a shared connection. The bodies of one client hold up only bodies of
// the same client.
func (c *upstreamCall) bodyToShare() h2client.Body {
	if !c.to.isShared() {
		return h2client.Body{}
	}
	if c.out == nil { // else it was composed for a connection that has failed
		c.body.settleLength(c.request)
	}
	if c.body.source == nil {
		return h2client.Body{}
	}
	return h2client.Body{Owner: c.to.pool.all.clientOf(c), Length: c.request.ContentLength}
}

// mayShare returns why a request cannot go over a shared connection, or nil.
func (c *upstreamCall) mayShare() error {
	switch {
	case !c.to.isShared():
		return nil
	case c.request.Upgrade != "":
		return errSharedUpgrade
	case authenticatesConnection(c.request.Fields):
		return errSharedAuth
	}
	return nil
}

// maxSharedTries returns how often in all the request may be sent to the target.
func (c *upstreamCall) maxSharedTries() int {
	if c.triesLeft > 0 {
		return maxSharedTriesHere
	}
	return maxSharedTries
}

// makesProgress reports whether a failed try does not count, because the upstream took other requests on the connection that it
// ended. Some upstreams end each connection after a number of requests (nginx's keepalive_requests). As long as each connection
// takes at least one, no request is lost within its time.
func (c *upstreamCall) makesProgress(err error) bool {
	var failed *h2client.Error
	return errors.As(err, &failed) && failed.Unprocessed && failed.Progress && c.waited < c.to.config.RequestTimeout
}

// mayRepeatShared reports whether a request that failed on a shared connection may be sent again, to the same upstream or to
// another one.
func (c *upstreamCall) mayRepeatShared(err error) bool {
	var failed *h2client.Error
	if !errors.As(err, &failed) || c.cancelled() != nil || c.pump.taken || c.gathered && c.out == nil {
		return false
	}
	var closed errUpstreamClosed
	return failed.Unprocessed || failed.Lost && errors.As(err, &closed) && c.isRepeatable()
}

// blamesServer reports whether an error of a shared connection counts as a failed connection.
func blamesServer(err error) bool {
	var failed *h2client.Error
	return errors.As(err, &failed) && failed.Blames
}

// passedReset returns the code of the upstream's reset if the stream of an HTTP/2 client must be reset with the same
// code, or else NO_ERROR. Two codes tell a gRPC client something about its call: CANCEL that its deadline has passed,
// and ENHANCE_YOUR_CALM that the server has no room for it. All others concern only the proxy's stream.
func passedReset(err error) http2.Code {
	var failed *h2client.Error
	if errors.As(err, &failed) && (failed.Reset == http2.Cancel || failed.Reset == http2.EnhanceYourCalm) {
		return failed.Reset
	}
	return http2.NoError
}

// isGRPC reports whether a request is a gRPC call over HTTP/2. gRPC clients read the code of a reset, and not the status.
func isGRPC(r *Request) bool {
	return r.Protocol == HTTP2 && strings.HasPrefix(r.Fields.Get("Content-Type"), "application/grpc")
}

// sendShared sends the request in the buffer, which holds only bytes of the body, and returns the rest that must wait.
func (c *upstreamCall) sendShared(conn *upstreamConn, whole bool) (rest []byte, err error) {
	ends := whole && !c.hasTrailers()
	if err := conn.stream.Begin(c, ends && len(*c.out) == 0, c.request.Method == "HEAD"); err != nil {
		return nil, err
	}
	return c.sendSharedBody(conn, whole, ends)
}

// sendSharedBody sends what the buffer holds of the body, after the head. ends reports whether the request ends with it. An upstream
// may answer as soon as it has the head, and stop the rest of the request: its answer counts.
func (c *upstreamCall) sendSharedBody(conn *upstreamConn, whole, ends bool) (rest []byte, err error) {
	if body := *c.out; len(body) > 0 {
		rest, err = conn.stream.TryWrite(body, ends)
	}
	if err == nil && len(rest) == 0 && whole && !ends {
		err = conn.stream.End(c)
	}
	if err != nil && conn.stream.Answered() {
		return nil, nil
	}
	return rest, err
}

// sendSharedPart sends a part of the body. It reports whether it had to wait.
func (c *upstreamCall) sendSharedPart(conn *upstreamConn, part []byte, last bool) (waited bool, err error) {
	ends := last && !c.hasTrailers()
	if len(part) > 0 || ends {
		if waited, err = conn.stream.Write(part, ends); err != nil {
			return waited, err
		}
	}
	if last && !ends {
		err = conn.stream.End(c)
	}
	return waited, err
}

// hasTrailers reports whether trailers follow a body that has ended. It stores them, because they can be prepared only
// once.
func (c *upstreamCall) hasTrailers() bool {
	if !c.trailersReady && c.body.source != nil {
		c.trailers, c.trailersReady = c.trailersToSend(), true
	}
	return len(c.trailers) > 0
}

// Bytes implements h2client.Head.
func (c *upstreamCall) Bytes() int {
	return c.request.headBytes() + 32*(len(c.request.Fields)+len(c.request.Cookies)+8)
}

// AppendHead implements h2client.Head.
func (c *upstreamCall) AppendHead(e *http2.HeadEncoder, dst []byte) []byte {
	r, rest, root := c.request, c.request.Target[c.to.stripped:], ""
	if c.to.stripped > 0 && !strings.HasPrefix(rest, "/") {
		root = "/"
	}
	dst = e.AppendRequest(dst, r.Method, c.to.config.UpstreamScheme, r.Authority)
	dst = e.AppendPath(dst, root, rest)
	for i := range r.Fields {
		name := r.Fields[i].Name
		if len(name) == len("Expect") && http1.EqualFold(name, "Expect") {
			continue
		}
		dst = e.AppendField(dst, name, r.Fields[i].Value)
		if len(r.Cookies) > 0 && name == "cookie" {
			for _, cookie := range r.Cookies { // RFC 9113, section 8.2.3
				dst = e.AppendField(dst, name, cookie)
			}
		}
	}
	switch {
	case c.body.source != nil && r.ContentLength < 0:
		if len(r.TrailerNames) > 0 {
			dst = e.AppendField(dst, "trailer", strings.Join(r.TrailerNames, ", "))
		}
	case c.body.source != nil || needsLength(r.Method):
		dst = e.AppendContentLength(dst, max(0, r.ContentLength))
	}
	if r.AcceptsTrailers {
		dst = e.AppendTrailersAccepted(dst)
	}
	if c.seen.expects {
		dst = e.AppendField(dst, "expect", "100-continue")
	}
	return dst
}

// AppendTrailers implements h2client.Trailers.
func (c *upstreamCall) AppendTrailers(e *http2.HeadEncoder, dst []byte) []byte {
	dst = e.Begin(dst)
	for _, field := range c.trailers {
		dst = e.AppendField(dst, field.Name, field.Value)
	}
	return dst
}

// TrailerBytes implements h2client.Trailers.
func (c *upstreamCall) TrailerBytes() (n int) {
	for _, field := range c.trailers {
		n += len(field.Name) + len(field.Value) + 32
	}
	return n
}

// readSharedHead reads the next head of a response over HTTP/2.
func (r *upstreamResponse) readSharedHead() error {
	head, err := r.stream.ReadHead()
	if err != nil {
		return err
	}
	r.conn.received = true
	fields := append(r.head.Fields[:0], head.Fields...)
	r.head = http1.Response{
		Status: head.Status, Minor: 1, Fields: fields, KeepAlive: true,
		HasContentLength: head.ContentLength >= 0, ContentLength: head.ContentLength,
	}
	return nil
}

// nextShared is next for a response over HTTP/2.
func (b *upstreamBody) nextShared() ([]byte, error) {
	data, err := b.stream.Next()
	b.done = err == io.EOF
	return data, err
}

// giveBackShared ends the stream of a response that was read to its end, and returns the permission for a stream.
func (c *upstreamCall) giveBackShared(conn *upstreamConn) {
	c.use(nil)
	c.endPump(conn)
	c.releaseOut()
	c.response = conn.detach()
	conn.endStream()
	conn.reused = true
	c.to.pool.put(conn)
}

// endStream ends the stream of a shared connection. The response holds the stream until its release.
func (u *upstreamConn) endStream() {
	if u.stream != nil {
		u.stream.Finish()
		u.stream = nil
	}
}

// boundWrites makes a blocked write return after the given time. The returned function lifts the bound, and reports
// whether the connection can still be used.
func (u *upstreamConn) boundWrites(after time.Duration) (lift func() bool) {
	if stream := u.stream; stream != nil {
		timer := time.AfterFunc(after, stream.EndWrites)
		return func() bool { return timer.Stop() }
	}
	_ = u.SetWriteDeadline(time.Now().Add(after))
	return func() bool { return u.SetWriteDeadline(time.Time{}) == nil }
}
