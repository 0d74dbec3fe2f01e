package h2client

import (
	"net"
	"sync"
	"time"

	"reverse-proxy/proxy/http2"
)

// Conn is a connection to a server. Any goroutine may call its methods.
type Conn struct {
	net net.Conn
	// closed is closed when both goroutines have ended.
	closed chan struct{}
	tasks  sync.WaitGroup
	// greeting is closed when the server's SETTINGS have arrived, or when the connection has ended without them.
	greeting chan struct{}
	// wake makes the writer look for something to write.
	wake chan struct{}

	// mu guards everything below, and the fields of streams.
	mu      sync.Mutex
	streams map[uint32]*Stream
	// open counts the streams, including those that have not begun.
	open int
	next uint32
	// limits are the server's settings. greeted reports whether they have arrived.
	limits  http2.Limits
	greeted bool
	encoder *http2.HeadEncoder
	// window is how many bytes of data the server accepts, over all streams, and largest is the most that it ever was.
	window, largest int64
	// unread is the sum of the streams' unread bytes. uploads holds the streams whose bodies were not sent completely.
	unread  int64
	uploads []*Stream
	// received counts the bytes of data since the connection's window was last restored.
	received int
	// out waits to be written, and spare is the buffer that is not in use. answers counts the bytes in out that answer
	// frames of the server.
	out, spare []byte
	answers    int
	// handed is the stream from which on no byte of a request has been handed to the network, and handedBefore what it was before
	// the write in progress.
	handed, handedBefore uint32
	// writingSince is when the write in progress began, or zero if there is none.
	writingSince time.Time
	// long is how many streams have the larger window for their responses.
	long int
	// blocked holds the streams whose bodies wait for a window or for room in out.
	blocked map[*Stream]struct{}
	// answered reports whether any request has received the head of a response, interim or final.
	answered bool
	// served reports whether the server has answered any request with a final response.
	served bool
	// left reports whether the server ends the connection, and blamed whether a stream has got an error that blames it for
	// that.
	left, blamed bool
	// draining reports whether no new streams may be opened. unwritable is why nothing can be written any more, and err
	// why the connection has ended.
	draining        bool
	unwritable, err *Error
	// last reports whether the connection ends once its present streams have ended.
	last bool
	// waiting holds the requests that wait for a stream of the connection's Set; nil without a Set.
	waiting *waiters
	// junk is how many more frames that carry nothing the server may send.
	junk int
	abandoned
	// lastFrame is when the last frame of the server arrived. pinged is when a PING was sent that is not answered yet,
	// or zero. silent reports whether the server has not answered it in time.
	lastFrame, pinged time.Time
	silent            bool
	idleSince         time.Time

	reader reader
}

// New starts HTTP/2 on a connection whose TLS handshake is complete. The caller must close the Conn.
func New(conn net.Conn) *Conn {
	now := time.Now()
	c := &Conn{
		net: conn, closed: make(chan struct{}), greeting: make(chan struct{}), wake: make(chan struct{}, 1),
		streams: map[uint32]*Stream{}, blocked: map[*Stream]struct{}{}, next: 1, handed: 1, limits: http2.DefaultLimits(),
		encoder: http2.NewRequestEncoder(), window: http2.InitialWindow, largest: http2.InitialWindow, junk: junkFrames, abandoned: abandoned{resets: resetsAtOnce}, lastFrame: now, idleSince: now,
	}
	c.out = append(c.out, http2.Preface...)
	c.out = http2.AppendSettings(c.out,
		http2.Setting{ID: http2.SettingEnablePush, Value: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Value: streamWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Value: http2.MaxHeaderListBytes})
	c.out = http2.AppendWindowUpdate(c.out, 0, connWindow-http2.InitialWindow)
	c.reader = reader{conn: c, decoder: http2.NewResponseDecoder()}
	c.wake <- struct{}{}
	c.tasks.Go(c.write)
	c.tasks.Go(c.reader.run)
	go func() {
		c.tasks.Wait()
		close(c.closed)
	}()
	return c
}

// Open opens a stream for a request with the body, or returns nil if the connection accepts no more of them. crowded reports
// whether it accepts one without a body.
func (c *Conn) Open(body Body) (s *Stream, crowded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.greeted && c.open > 0 { // the server's limit is not known yet
		return nil, false
	}
	if c.err != nil || c.draining || c.silent || c.open >= c.mostStreams() || c.next > 1<<31-3 || len(c.out) > 4*maxQueued {
		return nil, false
	}
	if !c.hasRoom(body) {
		return nil, true
	}
	return c.add(body), false
}

// add opens a stream for a request with the body. The caller holds mu.
func (c *Conn) add(body Body) *Stream {
	c.open++
	s := streams.Get().(*Stream)
	s.reset(c)
	c.begins(s, body)
	return s
}

// mostStreams returns how many streams may be open at once. The caller holds mu.
func (c *Conn) mostStreams() int { return int(min(c.limits.Streams, MaxStreams)) }

// openFirst opens the first stream of a new connection of a Set. There always is one: if the server allows none, Begin returns the
// reason.
func (c *Conn) openFirst(body Body, waiting *waiters) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = waiting
	return c.add(body)
}

// openLast opens the only stream of a new connection, which ends with it. As with openFirst, there always is one.
func (c *Conn) openLast(body Body) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
	return c.add(body)
}

// Usable reports whether the connection may accept streams now or later.
func (c *Conn) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.draining && c.next <= 1<<31-3
}

// Streams returns how many streams are open.
func (c *Conn) Streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Idle returns since when the connection has had no streams. idle is false if it has some.
func (c *Conn) Idle() (since time.Time, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idleSince, c.open == 0
}

// Drain stops the connection from accepting streams. The connection closes when its last stream ends.
func (c *Conn) Drain() { c.retire(nil) }

// retire is Drain, but first calls prepare, unless it is nil, if the connection has no streams and so ends at once.
func (c *Conn) retire(prepare func(net.Conn)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == 0 && c.err == nil && prepare != nil {
		prepare(c.net)
	}
	c.draining = true
	c.endIfDrained()
}

// endIfDrained closes a connection that has no streams and accepts no more. The caller holds mu.
func (c *Conn) endIfDrained() {
	if (c.draining || c.last) && c.open == 0 {
		c.fail(&Error{Reason: "the connection was drained", Unprocessed: true})
	}
}

// Close ends the connection with all its streams, and waits for its goroutines.
func (c *Conn) Close() {
	c.mu.Lock()
	c.fail(&Error{Reason: "the connection was closed", Lost: true})
	c.mu.Unlock()
	<-c.closed
}

// Err returns why the connection has ended, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.err
}

// Ended returns a channel that is closed when the connection has ended.
func (c *Conn) Ended() <-chan struct{} { return c.closed }

// fail ends the connection. Only the first error is kept. The caller holds mu.
func (c *Conn) fail(err *Error) {
	if c.err != nil {
		return
	}
	c.err = err
	if !c.greeted {
		close(c.greeting)
	}
	for _, s := range c.streams {
		c.end(s, err)
	}
	clear(c.streams)
	c.changed()
	_ = c.net.SetDeadline(time.Unix(1, 0)) // crypto/tls closes only after a blocked write has ended
	go func() { _ = c.net.Close() }()      // Close may wait to send its close_notify
	c.poke()
}

// end fails a stream of a connection that has ended. The server has certainly not acted on a request of which no byte was handed to
// the network. The caller holds mu.
func (c *Conn) end(s *Stream, err *Error) {
	if s.id >= c.handed {
		err = err.unprocessed(c.served)
	}
	s.fail(err)
}

// Look must be called about once a second. It pings a silent server, and ends the connection to a server that reads
// nothing.
func (c *Conn) Look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.junk = min(junkFrames, c.junk+junkEachSecond)
	c.resetLate()
	switch {
	case !c.writingSince.IsZero() && now.Sub(c.writingSince) > stuckWrite:
		c.lose(&Error{Reason: "the upstream reads nothing", Lost: true})
	case !c.pinged.IsZero():
		c.silent = now.Sub(c.pinged) > patience
	case c.open > 0 && now.Sub(c.lastFrame) > silence:
		c.pinged = now
		c.out = http2.AppendPing(c.out, [8]byte{}, false)
		c.poke()
	}
}

// poke makes the writer look for something to write. The caller holds mu.
func (c *Conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// changed wakes a request that waits for a stream, after a change that may give it one. The caller holds mu.
func (c *Conn) changed() {
	if c.waiting != nil {
		c.waiting.changed()
	}
}
