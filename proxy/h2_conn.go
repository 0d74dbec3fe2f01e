package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/readiness"
)

// h2Conn is a connection that has agreed on HTTP/2. The goroutine of its clientConn reads the frames (h2_read.go), each
// stream is an exchange on its own goroutine (h2_stream.go), and one more goroutine writes while there are streams
// (h2_writer.go). An idle connection has neither buffers nor further goroutines.
type h2Conn struct {
	client *clientConn
	server *siteServer
	conn   net.Conn

	// The following fields belong to the reading goroutine.

	// in is the read buffer, nil between frames; (*in)[start:end] is not parsed yet.
	in         *[]byte
	start, end int
	// direct is a frame of data that is read into the memory in which it will wait.
	direct h2Direct
	// small is the buffer for reads between frames.
	small   [http2.HeaderBytes]byte
	decoder *http2.HeadDecoder
	block   h2Block
	// begun reports whether the client's preface has been read. The connection may become dormant only after it.
	begun bool
	// greeted reports whether the client's first SETTINGS frame has arrived.
	greeted bool
	// starting holds the streams that begin once all frames read so far are parsed. By then, bodies that came with them
	// are complete. starting changes under mu.
	starting []*h2Stream
	budgets  [h2Kinds]budget
	// While the goroutine parses, it may begin streams: reserved is how many at most, and intake has reserved room for
	// them. intake is nil at other times.
	intake   *intake
	reserved int
	// inRoom is how many streams the goroutine may begin because it has waited for room for them.
	inRoom int

	// mu guards the following fields. It is taken after an exchange's lock, and no exchange's lock is taken under it.
	mu      sync.Mutex
	streams openStreams
	// newest is the highest stream that the client has begun. acted is the highest stream that the proxy has acted
	// upon, as GOAWAY reports it (RFC 9113, section 6.8).
	newest, acted uint32
	// incoming is the number of requests that are acted upon but whose exchange has not begun. running is the number of
	// streams whose exchange has begun but not ended, including those that their client has reset.
	incoming, running int
	// done is how many of the running streams their client considers closed.
	done int
	closedStreams
	priorities map[uint32]http2.Priority
	windows    h2Windows
	// workers are the idle workers. unneeded is how many of them no stream has needed since the sweeper last looked.
	// cooled is the time of that look; only the sweeper uses cooled.
	workers  []*h2Worker
	unneeded int
	cooled   int64
	// heading reports whether the rest of a head is awaited. idleSince is when the connection became idle.
	heading   bool
	idleSince int64
	// served reports whether there has been a request. again reports whether the current requests came soon after
	// earlier ones, and warm whether an idle connection still has its goroutines.
	served, again bool
	warm          atomic.Bool

	h2Output
	h2Ending
	// tasks waits for the goroutines of the connection other than the reader.
	tasks sync.WaitGroup
}

// h2ReadBytes is the size of the read buffer: more than the longest frame plus a TLS record.
const h2ReadBytes = 34 << 10

var h2ReadBuffers = sync.Pool{New: func() any { b := make([]byte, h2ReadBytes); return &b }}

// serveHTTP2 begins to serve a connection that has agreed on HTTP/2. It reports whether the connection has
// become dormant.
func (s *siteServer) serveHTTP2(c *clientConn) (dormant bool) {
	h := newH2Conn(c)
	c.http2.Store(h)
	h.greet()
	if s.draining() { // the drain may have begun before the connection was known to be HTTP/2
		h.drain()
	}
	return h.serve(false)
}

// serve serves the connection until it ends or becomes dormant. resumed reports whether the connection was dormant.
func (h *h2Conn) serve(resumed bool) (dormant bool) {
	err := h.readContained(resumed)
	if err == readiness.ErrDormant {
		return true
	}
	h.finish(err)
	return false
}

// readContained calls read. If read panics, the connection still ends in order.
func (h *h2Conn) readContained(resumed bool) (err error) {
	defer func() {
		if err != readiness.ErrDormant { // a dormant connection has no turn; another goroutine may have one
			h.endTurn()
		}
	}()
	defer contain(h.server.log, h.client.peerText, func() {
		err = &http2.Error{Code: http2.InternalError, Reason: "a mistake of the proxy's own"}
	})
	if resumed {
		return h.readOn()
	}
	return h.read()
}

func newH2Conn(c *clientConn) *h2Conn {
	h := &h2Conn{
		client: c, server: c.server, conn: c.stream, decoder: http2.NewHeadDecoder(),
	}
	for kind := range h.budgets {
		h.budgets[kind] = budget{left: h2Allowances[kind].burst, at: h.now()}
	}
	h.h2Output.init(h)
	h.windows.init()
	c.socket.readerRests = true // see restIfMust
	c.socket.writeWaits = h.heads.give
	return h
}

// now returns the time on the sweeper's clock, which is at most one sweep late.
func (h *h2Conn) now() int64 { return h.server.registry.sweeper.Clock.Load() }

// greet queues the server's preface (RFC 9113, section 3.4).
func (h *h2Conn) greet() {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.buffer()
	*out = http2.AppendSettings(*out,
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Value: maxConcurrentStreams},
		http2.Setting{ID: http2.SettingInitialWindowSize, Value: h2StreamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Value: http2.MaxHeaderListBytes},
		http2.Setting{ID: http2.SettingEnableConnectProtocol, Value: 1},
		http2.Setting{ID: http2.SettingNoRFC7540Priorities, Value: 1},
	)
	*out = http2.AppendWindowUpdate(*out, 0, h2ConnWindow-http2.InitialWindow)
	h.wakeWriter()
}

// finish ends the connection after reading has ended with err. It tells the client why if it can, cancels every exchange
// and returns when all goroutines have ended.
func (h *h2Conn) finish(err error) {
	var refused *http2.Error
	h.mu.Lock()
	switch {
	case errors.As(err, &refused):
		h.goAway(h.acted, refused.Code)
	case h.cause != nil:
		h.dead = true
	case h.ending: // the client has been told
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.goAway(h.acted, http2.NoError)
	default:
		h.dead = true
	}
	h.closed = true
	if h.drainTimer != nil {
		h.drainTimer.Stop()
	}
	streams := h.abandon()
	h.client.timer.Set(deadline.PhaseLinger, lingerTime) // a late connection already has a deadline
	if !h.dead {
		_ = h.client.tcp.SetWriteDeadline(time.Now().Add(lingerTime)) // fails only if the connection is already gone
	}
	h.mu.Unlock()
	h.server.logHTTP2(h.client, refused)
	for _, s := range streams {
		s.exchange.cancel(h.whyGone())
	}
	h.mu.Lock()
	for _, s := range streams {
		s.unref()
	}
	h.dismissWorkers(len(h.workers))
	h.wakeWriter()
	h.mu.Unlock()
	h.tasks.Wait()
	h.mu.Lock()
	h.windows.release(&h.server.registry.grownWindows)
	h.forgetLarge(h.large)
	h.heads.give()
	broken, truncated := h.dead, h.cause != nil || h.failed
	h.mu.Unlock()
	h.releaseInput()
	h.client.aborted = broken // the alert that TLS sends on closing could only block
	switch {
	case truncated:
		h.client.abort() // the client was sent only part of a response
	case broken:
	case refused != nil:
		h.client.lingerClose()
	}
}

// whyGone returns the error with which exchanges are cancelled.
func (h *h2Conn) whyGone() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause != nil {
		return h.cause
	}
	return errClientGone
}

// abandon removes all streams from the connection and takes a reference to each for the caller. The caller holds mu.
func (h *h2Conn) abandon() []*h2Stream {
	streams := make([]*h2Stream, 0, len(h.streams))
	for _, open := range h.streams {
		open.stream.refs++
		streams = append(streams, open.stream)
	}
	for _, s := range streams {
		h.leave(s)
	}
	return streams
}

// logHTTP2 logs why a connection was ended. Only an exceeded bound is logged at a level that is on by default.
func (s *siteServer) logHTTP2(c *clientConn, refused *http2.Error) {
	if refused == nil {
		return
	}
	if refused.Code == http2.EnhanceYourCalm {
		s.pipeline.metrics.process.breaches.Add(1)
		s.log.RepeatingBy(eventlog.LevelWarn, eventlog.RepeatKey{Key: "http2", Host: shareHolder(c.peerAddr), Cause: refused.Reason}, "HTTP2_ABUSE",
			eventlog.Str("client_ip", c.peerText), eventlog.Str("code", refused.Code.String()), eventlog.Str("error", refused.Reason))
		return
	}
	if s.log.Enabled(eventlog.LevelDebug) {
		s.log.Log(eventlog.LevelDebug, "CONNECTION_ERROR", eventlog.Str("listener", s.address), eventlog.Str("client_ip", c.peerText), eventlog.Str("error", refused.Error()))
	}
}
