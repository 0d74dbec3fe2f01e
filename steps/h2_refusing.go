package steps

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"

	"golang.org/x/net/http2"
)

// h2Refusals are the answers of an upstream of HTTP/2 that serves no request.
var h2Refusals = map[string]func(f *http2.Framer, stream uint32) error{
	"GOAWAY": func(f *http2.Framer, stream uint32) error { return f.WriteGoAway(stream-1, http2.ErrCodeNo, nil) },
	"REFUSED_STREAM": func(f *http2.Framer, stream uint32) error {
		return f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
	},
	"INTERNAL_ERROR": func(f *http2.Framer, stream uint32) error { return f.WriteRSTStream(stream, http2.ErrCodeInternal) },
}

// refusingH2Upstream is an upstream of HTTP/2 that ends each request in the same way.
func (w *World) refusingH2Upstream(name, how string) error {
	refuse := h2Refusals[how]
	if refuse == nil {
		return fmt.Errorf("%q is not a way to refuse a request", how)
	}
	return w.scriptedH2Upstream(name, nil, func(_ *upstream, framer *http2.Framer) {
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if frame.Header().Type == http2.FrameHeaders {
				if err := refuse(framer, frame.Header().StreamID); err != nil {
					return
				}
			}
		}
	})
}

// h2Greetings are what an upstream of HTTP/2 that wants no request sends at the beginning of each connection.
var h2Greetings = map[string]func(f *http2.Framer) error{
	"GOAWAY": func(f *http2.Framer) error { return f.WriteGoAway(0, http2.ErrCodeNo, nil) },
	"a limit of no streams": func(f *http2.Framer) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
	},
}

// unwillingH2Upstream is an upstream of HTTP/2 that says on each connection that it wants no request, and refuses those that were on
// their way.
func (w *World) unwillingH2Upstream(name, how string) error {
	greet := h2Greetings[how]
	if greet == nil {
		return fmt.Errorf("%q is not a way to begin a connection", how)
	}
	return w.scriptedH2Upstream(name, nil, func(_ *upstream, framer *http2.Framer) {
		err := greet(framer)
		for err == nil {
			var frame http2.Frame
			if frame, err = framer.ReadFrame(); err == nil && frame.Header().Type == http2.FrameHeaders && how != "GOAWAY" {
				err = framer.WriteRSTStream(frame.Header().StreamID, http2.ErrCodeRefusedStream)
			}
		}
	})
}

// scriptedH2Upstream makes an upstream that speaks HTTP/2, over TLS if config is not nil. It calls serve for each
// connection, once both sides have sent their first frames.
func (w *World) scriptedH2Upstream(name string, config *tls.Config, serve func(up *upstream, framer *http2.Framer)) error {
	up, err := w.listenH2(name)
	if err != nil {
		return err
	}
	if config != nil {
		up.listener = tls.NewListener(up.listener, config)
	}
	up.served.Go(func() {
		for {
			conn, err := up.listener.Accept()
			if err != nil {
				return
			}
			up.served.Go(func() { up.serveFrames(conn, serve) })
		}
	})
	return nil
}

// serveFrames serves one connection until it or the upstream is closed.
func (u *upstream) serveFrames(conn net.Conn, serve func(up *upstream, framer *http2.Framer)) {
	u.mu.Lock()
	u.conns[conn] = true
	u.accepted++
	u.mu.Unlock()
	defer func() {
		_ = conn.Close() // it is gone
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.conns, conn)
	}()
	select {
	case <-u.closed:
		return // its connections have been closed before this one was known
	default:
	}
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return
	}
	serve(u, framer)
}
