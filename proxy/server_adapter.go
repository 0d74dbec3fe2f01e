package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// serverAdapter turns the requests of net/http's server, HTTP/1.1 and HTTP/2, into exchanges of ours. Nothing behind it
// knows of net/http.
type serverAdapter struct {
	pipeline *pipeline
	listener int
}

// ServeHTTP implements http.Handler.
func (a *serverAdapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if r.ProtoMajor == 1 {
		// An upstream's early answer has to reach the client while its body is still coming. What is left of the body
		// then is never run as a request, because such an answer closes the connection (golang/go#81143).
		_ = control.EnableFullDuplex()
	}
	client := &serverClient{w: w, control: control, http1: r.ProtoMajor == 1, http10: !r.ProtoAtLeast(1, 1)}
	x := &exchange{request: incoming(r), client: client, listener: a.listener}
	a.pipeline.handle(r.Context(), x)
	if x.bodyUnread() {
		endBody(x, control, r)
	}
	if x.abort {
		panic(http.ErrAbortHandler)
	}
}

// lingerTime is how long the rest of a body that nobody wants is read and thrown away after the answer. Closing a
// connection on which bytes still arrive resets it, and the client could lose the answer (RFC 9112, section 9.6).
const lingerTime = 2 * time.Second

// endBody takes the body away from the upstream's side, which may still wait for bytes of it, and over HTTP/1 lingers
// before the connection is closed. In HTTP/2 net/http resets the stream.
func endBody(x *exchange, control *http.ResponseController, r *http.Request) {
	past := time.Unix(1, 0)
	_ = control.SetReadDeadline(past) // fails only where the connection is gone already, like all that follows
	if x.body != nil {
		x.body.detach()
	}
	if r.ProtoMajor != 1 || x.abort {
		return
	}
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, r.Body)
	_ = control.SetReadDeadline(past) // net/http looks for the body's end again, and would wait for it
}

// incoming makes a Request of net/http's.
func incoming(r *http.Request) *Request {
	request := &Request{
		Client:        peerOf(r.RemoteAddr),
		Protocol:      HTTP11,
		Method:        r.Method,
		Target:        originForm(r.RequestURI),
		Authority:     r.Host,
		Fields:        fieldsOf(r.Header),
		ContentLength: r.ContentLength,
	}
	switch {
	case r.ProtoMajor == 2:
		request.Protocol = HTTP2
		// net/http keeps Host fields beside `:authority`; they have to agree, or two parties route differently.
		hosts := r.Header["Host"]
		request.AuthorityConflict = len(hosts) > 1 || len(hosts) == 1 && !strings.EqualFold(hosts[0], r.Host)
		request.Fields.Remove(func(f Field) bool { return f.Name == "Host" })
	case !r.ProtoAtLeast(1, 1):
		request.Protocol = HTTP10
	}
	request.Fields.Remove(func(f Field) bool { return f.Name == "Content-Length" })
	if r.Body != nil && r.Body != http.NoBody {
		request.Body = bodyReader{r.Body}
		for name := range r.Trailer {
			request.TrailerNames = append(request.TrailerNames, name)
		}
		request.Trailers = func() Fields { return fieldsOf(r.Trailer) }
	}
	return request
}

// bodyReader marks the errors of a body that is malformed, as against a connection that broke.
type bodyReader struct{ source io.Reader }

func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.source.Read(p)
	var network net.Error
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF && !errors.As(err, &network) && !isStreamError(err) {
		err = malformedBody{err}
	}
	return n, err
}

// isStreamError reports whether an HTTP/2 client reset its stream or left; net/http has no exported type for it.
func isStreamError(err error) bool {
	return strings.Contains(err.Error(), "client disconnected") || strings.Contains(err.Error(), "stream error")
}

// originForm cuts scheme and authority off an absolute-form target (RFC 9112, section 3.2.2), leaving the rest byte for
// byte.
func originForm(target string) string {
	if target == "" || target[0] == '/' || target == "*" {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if !ok {
		return target // authority-form, of CONNECT
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		if rest[i] == '?' {
			return "/" + rest[i:]
		}
		return rest[i:]
	}
	return "/"
}

// peerOf parses the remote address of a connection.
func peerOf(remote string) netip.Addr {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.IPv6Unspecified() // only a listener that is no TCP listener could have such peers
	}
	return peer.Addr().Unmap()
}

// serverClient is the clientWriter of net/http's server.
type serverClient struct {
	w             http.ResponseWriter
	control       *http.ResponseController
	http1, http10 bool
	announced     []string
	headSent      atomic.Bool
}

// Inform implements clientWriter.
func (c *serverClient) Inform(status int, fields Fields) error {
	if c.http10 {
		return nil // HTTP/1.0 has no interim responses
	}
	header := c.w.Header()
	for name, values := range headerOf(fields) {
		header[name] = values
	}
	c.w.WriteHeader(status)
	clear(header)
	return nil
}

// Head implements clientWriter.
func (c *serverClient) Head(status int, fields Fields, length int64, closing bool) error {
	header := c.w.Header()
	for _, field := range fields {
		name := http.CanonicalHeaderKey(field.Name)
		header[name] = append(header[name], field.Value)
	}
	for _, name := range [...]string{"Date", "Content-Type"} {
		if _, ok := header[name]; !ok {
			header[name] = nil // net/http would add one of its own
		}
	}
	if length >= 0 {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if c.http10 || closing && c.http1 {
		header.Set("Connection", "close")
	}
	for _, name := range c.announced {
		header.Add("Trailer", name)
	}
	c.headSent.Store(true)
	c.w.WriteHeader(status)
	return nil
}

// Write implements clientWriter.
func (c *serverClient) Write(p []byte) (int, error) { return c.w.Write(p) }

// Flush implements clientWriter.
func (c *serverClient) Flush() error { return c.control.Flush() }

// AnnounceTrailers implements clientWriter.
func (c *serverClient) AnnounceTrailers(names []string) { c.announced = names }

// Trailers implements clientWriter.
func (c *serverClient) Trailers(fields Fields) {
	header := c.w.Header()
	for _, field := range fields {
		name := http.CanonicalHeaderKey(field.Name)
		if !containsFold(c.announced, name) {
			name = http.TrailerPrefix + name
		}
		header[name] = append(header[name], field.Value)
	}
}

// Interrupt implements clientWriter.
func (c *serverClient) Interrupt() {
	past := time.Unix(1, 0)
	_ = c.control.SetReadDeadline(past) // fails only where the connection is gone already
	if c.headSent.Load() {
		_ = c.control.SetWriteDeadline(past)
	}
}
