package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// maxConcurrentStreams bounds the streams of one HTTP/2 connection (S-12.5).
const maxConcurrentStreams = 250

// maxHeaderListBytes bounds the head of an HTTP/2 request as HTTP/1's is.
const maxHeaderListBytes = 64 << 10

// http2Server is the standard library's server as the second adapter: it is given the connections that have agreed on
// HTTP/2, one after the other, and knows of no listener.
type http2Server struct {
	server *http.Server
	// handed takes connections whose handshake is done, and closed ends the wait for more.
	handed chan net.Conn
	closed chan struct{}
	once   sync.Once
	// byConn finds the connection of ours behind one of the library's.
	byConn sync.Map
}

// newHTTP2Server makes the server and starts it.
func newHTTP2Server(s *siteServer) *http2Server {
	h := &http2Server{handed: make(chan net.Conn), closed: make(chan struct{})}
	h.server = &http.Server{
		MaxHeaderBytes: maxHeaderListBytes,
		ErrorLog:       quietErrors(s.log, s.address),
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxConcurrentStreams},
		// OPTIONS * is a request like others to a proxy; the library would answer it by itself.
		DisableGeneralOptionsHandler: true,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			c, _ := h.byConn.Load(conn)
			return context.WithValue(ctx, clientConnKey{}, c)
		},
		ConnState: h.changed,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := r.Context().Value(clientConnKey{}).(*clientConn)
			if !ok {
				panic(http.ErrAbortHandler)
			}
			c.beginStream()
			defer c.endStream()
			s.serveStream(c, w, r)
		}),
	}
	go func() { _ = h.server.Serve(h) }() // ends with Close, which is no error
	return h
}

// clientConnKey is the key of the connection in the context of a request.
type clientConnKey struct{}

// Accept implements net.Listener.
func (h *http2Server) Accept() (net.Conn, error) {
	select {
	case conn := <-h.handed:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *http2Server) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (*http2Server) Addr() net.Addr { return &net.TCPAddr{} }

// changed is the ConnState hook: it wakes serveHTTP2 at a connection's end.
func (h *http2Server) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed {
		return
	}
	if c, ok := h.byConn.LoadAndDelete(conn); ok {
		close(c.(*clientConn).served)
	}
}

// serveHTTP2 serves a connection that has agreed on HTTP/2 to its end.
func (s *siteServer) serveHTTP2(c *clientConn) {
	c.asked.Store(true) // there is no first head to be awaited for a shorter time
	if !c.watch.set(phaseIdle, s.idleTimeout) {
		return
	}
	c.served = make(chan struct{})
	s.http2.byConn.Store(c.tls, c)
	select {
	case s.http2.handed <- c.tls:
		<-c.served
	case <-s.http2.closed:
	}
}

// serveStream runs one request of the library's server through the stages.
func (s *siteServer) serveStream(c *clientConn, w http.ResponseWriter, r *http.Request) {
	client := &http2Client{w: w, r: r, control: http.NewResponseController(w)}
	x := new(exchange)
	stream := watch{owner: x}
	x.reset(incoming(c, r), client, &stream, s.listener)
	x.watch = &stream
	s.registry.sweeper.add(&stream)
	defer s.registry.sweeper.remove(&stream)
	stopWatching := context.AfterFunc(r.Context(), func() { x.cancel(errClientGone) })
	defer stopWatching()
	s.pipeline.handle(x)
	if x.abort {
		panic(http.ErrAbortHandler) // the library resets the stream
	}
}

// incoming makes a Request of the library's.
func incoming(c *clientConn, r *http.Request) *Request {
	request := &Request{
		Client: c.client, ClientText: c.clientText, Protocol: HTTP2,
		Method: r.Method, Target: originForm(r.RequestURI), Authority: r.Host,
		Fields: fieldsOf(r.Header), ContentLength: r.ContentLength,
	}
	// The library keeps Host fields beside `:authority`; they have to agree, or two parties route differently.
	hosts := r.Header["Host"]
	request.AuthorityConflict = len(hosts) > 1 || len(hosts) == 1 && !strings.EqualFold(hosts[0], r.Host)
	request.Fields.Remove(func(f Field) bool { return f.Name == "Host" || f.Name == "Content-Length" })
	if r.ContentLength != 0 {
		request.Body = &http2Body{r: r}
		for name := range r.Trailer {
			if !forbiddenTrailer(Field{Name: name}) {
				request.TrailerNames = append(request.TrailerNames, name)
			}
		}
	}
	return request
}

// http2Body is the body of a request of the library's.
type http2Body struct {
	r *http.Request
}

// read implements bodySource. The library cannot tell whether something has come.
func (b *http2Body) read(room []byte, wait bool) ([]byte, error) {
	if !wait {
		return nil, errNotReady
	}
	n, err := b.r.Body.Read(room)
	var network net.Error
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF && !errors.As(err, &network) && !isStreamError(err) {
		err = malformedBody{err}
	}
	return room[:n], err
}

// trailers implements bodySource.
func (b *http2Body) trailers() Fields { return fieldsOf(b.r.Trailer) }

// isStreamError reports whether a client reset its stream or left; the library has no exported type for all of it.
func isStreamError(err error) bool {
	return strings.Contains(err.Error(), "client disconnected") || strings.Contains(err.Error(), "stream error")
}

// http2Client is the clientWriter of a stream of the library's server.
type http2Client struct {
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
}

// Inform implements clientWriter.
func (c *http2Client) Inform(status int, fields Fields) error {
	if status == http.StatusContinue {
		return nil // the library sends its own when the body is read
	}
	header := c.w.Header()
	addFields(header, fields)
	c.w.WriteHeader(status)
	clear(header)
	return nil
}

// Head implements clientWriter.
func (c *http2Client) Head(status int, fields Fields, length int64, _ bool) error {
	header := c.w.Header()
	addFields(header, fields)
	for _, name := range [...]string{"Date", "Content-Type"} {
		if _, ok := header[name]; !ok {
			header[name] = nil // the library would add one of its own
		}
	}
	if length >= 0 {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	c.w.WriteHeader(status)
	return nil
}

// addFields adds fields, whose strings are copied: the library keeps them longer than they are valid.
func addFields(header http.Header, fields Fields) {
	for _, field := range fields {
		name := http.CanonicalHeaderKey(strings.Clone(field.Name))
		header[name] = append(header[name], strings.Clone(field.Value))
	}
}

// fieldsOf turns net/http's map into fields; lines of one name keep their order.
func fieldsOf(header http.Header) Fields {
	fields := make(Fields, 0, len(header)+4)
	for name, values := range header {
		for _, value := range values {
			fields.Add(name, value)
		}
	}
	return fields
}

// Write implements clientWriter.
func (c *http2Client) Write(p []byte) (int, error) {
	if c.r.Method == http.MethodHead {
		return len(p), nil
	}
	return c.w.Write(p)
}

// Flush implements clientWriter.
func (c *http2Client) Flush() error { return c.control.Flush() }

// End implements clientWriter.
func (c *http2Client) End(trailers Fields) error {
	header := c.w.Header()
	for _, field := range trailers {
		name := http.TrailerPrefix + http.CanonicalHeaderKey(field.Name)
		header[name] = append(header[name], strings.Clone(field.Value))
	}
	return nil
}

// Interrupt implements clientWriter.
func (c *http2Client) Interrupt(writing bool) {
	_ = c.control.SetReadDeadline(pastDeadline) // fails only where the stream is gone already
	if writing {
		_ = c.control.SetWriteDeadline(pastDeadline)
	}
}

// Gone implements clientWriter. The context of the request tells it sooner.
func (c *http2Client) Gone() bool { return c.r.Context().Err() != nil }

// Moving implements clientWriter: a Write returns when the stream's window has taken its bytes.
func (*http2Client) Moving() bool { return false }
