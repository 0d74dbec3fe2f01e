package proxy

import "time"

// These constants bound an HTTP/2 connection, in addition to the bounds of the codec (S-12.5). A client that exceeds
// one loses the stream or the connection, unless the comment says otherwise.
const (
	// maxConcurrentStreams bounds the streams of one connection and their exchanges. Further streams are refused. A
	// stream that its client has reset still counts until its upstream is released, so a reset makes no room
	// (CVE-2023-44487).
	maxConcurrentStreams = 250
	// h2StreamWindow and h2ConnWindow are the initial windows of a stream and of a connection. A typical form or image
	// upload fits into them, and a small server can hold them for all its connections.
	h2StreamWindow = 128 << 10
	h2ConnWindow   = 256 << 10
	// h2MaxStreamWindow and h2MaxConnWindow are the sizes up to which the windows grow while the upstream takes the
	// data. 4 MiB under way are 335 Mbit/s over a path of 100 ms.
	h2MaxStreamWindow = 4 << 20
	h2MaxConnWindow   = 8 << 20
	// h2GrownWindows bounds the growth of the windows of all connections together, and with it the memory that uploads
	// can use.
	h2GrownWindows = 256 << 20
	// h2QueueBytes is how much output may be queued before further responses have to wait.
	h2QueueBytes = 128 << 10
	// h2ControlBytes bounds the queued answers to PING, SETTINGS and the like. A client that leaves so many unread is
	// attacking.
	h2ControlBytes = 32 << 10
	// h2PriorityUpdates bounds the remembered priorities of streams that have not begun. Further ones are ignored.
	h2PriorityUpdates = 64
	// h2ClosedStreams is how many closed streams are remembered, to distinguish frames that were sent before our reset
	// arrived from frames that no client may send.
	h2ClosedStreams = 512
)

// allowance is how often something may happen on a connection: burst times at once, perSecond times in the long run.
type allowance struct{ burst, perSecond int64 }

// h2Kind is a kind of frame or event that has an allowance per connection.
type h2Kind int

const (
	h2Resets h2Kind = iota
	h2Refusals
	h2Controls
	h2SettingsFrames
	h2EmptyFrames
	h2Faults
	h2LateHeads
	h2Kinds
)

// h2Allowances are the allowances of a connection, each with the reason that the log gives when it is exceeded.
var h2Allowances = [h2Kinds]struct {
	allowance
	breach string
}{
	// A browser that leaves a page of pictures resets all of them at once. A map being zoomed cancels 30 tiles three times
	// a second, for as long as the user plays with it. Each reset cost a request, which the rate limit counts, and the
	// stream counts as running until its upstream is released. A reset that comes too late counts too.
	h2Resets: {allowance{250, 200}, "streams reset in bulk"},
	// These are streams beyond the bound on concurrent ones. A client that has not seen our SETTINGS yet may begin some
	// hundreds. A client that resets streams counts them as closed before we do.
	h2Refusals: {allowance{250, 200}, "a flood of streams over the bound"},
	// These are PING, PRIORITY, PRIORITY_UPDATE, frames of unknown types, and WINDOW_UPDATE beyond what data has
	// earned. Each frame that we send earns some more, because clients use PING to measure the path.
	h2Controls: {allowance{1000, 100}, "a flood of frames without a request"},
	// A client sends one, and occasionally another to change its windows.
	h2SettingsFrames: {allowance{50, 1}, "a flood of SETTINGS"},
	// These are DATA frames that have no data and do not end the stream, and empty fragments of header blocks. Some
	// clients send a few.
	h2EmptyFrames: {allowance{100, 10}, "a flood of empty frames"},
	// These are streams that end because of a client error. Honest clients with a bug cause some.
	h2Faults: {allowance{100, 10}, "a flood of malformed requests"},
	// These are header blocks on streams that we have reset, which can only be trailers, and on streams after the last
	// GOAWAY. A client has at most maxConcurrentStreams of them under way.
	h2LateHeads: {allowance{maxConcurrentStreams, 10}, "a flood of HEADERS on closed streams"},
}

// After we reset a stream, the client may still send what it had under way: at most the stream's window. A frame counts
// as at least h2LateFrameBytes, so each stream gets h2LateSlack more, for shorter frames.
const (
	h2LateFrameBytes = 64
	h2LateSlack      = 4 << 10
)

// h2ControlsEarned is how many more control frames the client earns with each frame of ours.
const h2ControlsEarned = 3

// h2UpdatesEarned returns how many WINDOW_UPDATE frames a DATA frame of n bytes earns: one for its stream, one for the
// connection, and one for each KiB, because some clients open both windows for every 4 KiB that they have read. The
// total earned has no bound. Over a long path, all updates for a window, whose size the client chooses, may arrive
// after we have stopped sending, and each costs us less than the data did.
func h2UpdatesEarned(n int) int64 { return 2 + int64(n)/(1<<10) }

// budget is the remainder of an allowance.
type budget struct {
	left int64
	// at is the time when left was computed, on the sweeper's clock.
	at int64
}

// take spends one unit and reports whether there was one.
func (b *budget) take(a allowance, now int64) bool {
	if gained := (now - b.at) * a.perSecond / int64(time.Second); gained > 0 {
		b.left, b.at = min(a.burst, b.left+gained), now
	}
	b.left--
	return b.left >= 0
}
