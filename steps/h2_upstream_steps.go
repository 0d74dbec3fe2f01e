package steps

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (w *World) h2UpstreamSteps() []step {
	return []step{
		{`an upstream {string} that speaks only HTTP/2`, w.h2cUpstream, "The server of net/http, without TLS. Answers 200 with its name; below `/echo` with the body as it arrives and the trailer `Echo-Bytes`, below `/trailers` with nothing but the trailer `Grpc-Status`, below `/received-trailers` with the trailers that it received, below `/fields/NAME` with that field, below `/wait` when the request is cancelled, below `/bytes/N` with N bytes."},
		{`an upstream {string} that speaks only HTTP/2, with {int} streams on a connection`, w.narrowH2Upstream, "That is its SETTINGS_MAX_CONCURRENT_STREAMS."},
		{`an upstream {string} that speaks only HTTP/2, over TLS`, w.h2TLSUpstream, "With a certificate for its address, from the CA that the daemon trusts."},
		{`an upstream {string} that speaks only HTTP/2 and refuses each request with {string}`, w.refusingH2Upstream, "`GOAWAY`, which says that it has not acted on the request, or the error code of the RST_STREAM: `REFUSED_STREAM`, `INTERNAL_ERROR`."},
		{`an upstream {string} that speaks only HTTP/2 and begins each connection with {string}`, w.unwillingH2Upstream, "`GOAWAY`, or `a limit of no streams`, after which it refuses the requests that were on their way."},
		{`an upstream {string} that speaks only HTTP/2 and leaves some bodies unread`, w.unreadH2Upstream, "Those below `/unread`, which it does not answer either. It answers the others with 200 and its name when it has read them, and gives back windows of 65,535 bytes as it reads."},
		{`an upstream {string} that speaks only HTTP/2, over TLS, and leaves some bodies unread`, w.unreadH2TLSUpstream, "The same."},
		{`an upstream {string} that speaks only HTTP/2 and ends a connection after {int} resets`, w.countingH2Upstream, "With ENHANCE_YOUR_CALM, as many servers do. Answers 200 with its name, below `/wait` never, below `/later` when it is released."},
	}
}

// h2Upstream is an upstream that speaks HTTP/2.
type h2Upstream struct {
	name string
}

func (u h2Upstream) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 {
		rw.WriteHeader(http.StatusHTTPVersionNotSupported)
		return
	}
	switch path := r.URL.Path; {
	case path == "/echo":
		u.echo(rw, r)
	case path == "/trailers": // not announced, after a body without a byte, whose length net/http therefore declares
		rw.Header().Set(http.TrailerPrefix+"Grpc-Status", "5")
	case path == "/received-trailers":
		_, _ = io.Copy(io.Discard, r.Body) // a body that is cut off has no trailers
		_ = r.Trailer.Write(rw)            // the client may have left
	case path == "/wait":
		<-r.Context().Done()
	case strings.HasPrefix(path, "/fields/"):
		_, _ = io.WriteString(rw, r.Header.Get(strings.TrimPrefix(path, "/fields/"))) // the client may have left
	case strings.HasPrefix(path, "/bytes/"):
		n, _ := strconv.Atoi(strings.TrimPrefix(path, "/bytes/"))
		_, _ = rw.Write(make([]byte, n)) // the same
	default:
		_, _ = io.WriteString(rw, u.name) // the same
	}
}

// echo sends the body back while it arrives.
func (u h2Upstream) echo(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Trailer", "Echo-Bytes")
	rw.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(rw).Flush() // over HTTP/2 it works
	buffer, total := make([]byte, 16<<10), 0
	for {
		n, err := r.Body.Read(buffer)
		total += n
		if _, writeErr := rw.Write(buffer[:n]); writeErr != nil {
			return
		}
		_ = http.NewResponseController(rw).Flush() // the same
		if err != nil {
			break
		}
	}
	rw.Header().Set("Echo-Bytes", strconv.Itoa(total))
}

func (w *World) h2cUpstream(name string) error { return w.startH2(name, nil, 0) }

func (w *World) narrowH2Upstream(name string, streams int) error {
	return w.startH2(name, nil, streams)
}

func (w *World) h2TLSUpstream(name string) error {
	config, err := w.h2TLSConfig(name)
	if err != nil {
		return err
	}
	return w.startH2(name, config, 0)
}

// listenH2 listens at the upstream's address.
func (w *World) listenH2(name string) (*upstream, error) {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return nil, err
	}
	var listener net.Listener
	if err := w.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		return nil, err
	}
	up := &upstream{
		name: name, address: address, listener: listener,
		conns: map[net.Conn]bool{}, release: make(chan struct{}), closed: make(chan struct{}),
	}
	w.upstreams[name] = up
	return up, nil
}

// startH2 serves HTTP/2 at the upstream's address, with at most so many streams on a connection; 0 means the default.
func (w *World) startH2(name string, config *tls.Config, streams int) error {
	up, err := w.listenH2(name)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: h2Upstream{name}, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streams},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			up.mu.Lock()
			defer up.mu.Unlock()
			up.accepted++
			return ctx
		},
	}
	if config == nil {
		server.Protocols.SetUnencryptedHTTP2(true)
	} else {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = config
	}
	up.served.Go(func() {
		if config == nil {
			_ = server.Serve(up.listener) // returns when the listener is closed, which is not an error
		} else {
			_ = server.ServeTLS(up.listener, "", "") // the same
		}
	})
	up.served.Go(func() {
		<-up.closed
		_ = server.Close() // an error concerns a connection that is gone
	})
	return nil
}
