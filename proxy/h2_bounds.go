package proxy

import "time"

// The bounds of an HTTP/2 connection beside those of the codec (S-12.5). What a client does beyond them ends the
// connection, or, where it is said, waits.
const (
	// maxConcurrentStreams bounds the streams of one connection, and the exchanges behind them: one whose client has reset
	// it still counts until its upstream was let go, so that resetting makes no room (CVE-2023-44487).
	maxConcurrentStreams = 250
	// h2StreamWindow and h2ConnWindow are what a client may send unasked on a stream and on a connection: a usual form or
	// upload of an image at once, and on all connections together what a small server can hold.
	h2StreamWindow = 128 << 10
	h2ConnWindow   = 256 << 10
	// h2MaxStreamWindow and h2MaxConnWindow are up to where both grow while the upstream takes what comes: 4 MiB in flight
	// are 335 Mbit/s over a path of 100 ms.
	h2MaxStreamWindow = 4 << 20
	h2MaxConnWindow   = 8 << 20
	// h2GrownWindows bounds what the windows of all connections together have grown by, and with it the memory that
	// uploads can be made to take.
	h2GrownWindows = 256 << 20
	// h2QueueBytes is how much may wait to be written before responses wait to be queued.
	h2QueueBytes = 128 << 10
	// h2ControlBytes bounds the answers to PING, SETTINGS and the like that wait to be written: a client that has so many
	// and does not read them has none but that purpose.
	h2ControlBytes = 32 << 10
	// h2PriorityUpdates bounds the priorities that are remembered for streams that have not begun.
	h2PriorityUpdates = 64
	// h2ClosedStreams is how many closed streams are remembered, to tell frames that crossed our reset on their way from
	// frames that no client may send.
	h2ClosedStreams = 512
)

// allowance is how often something may happen on a connection: burst times at once, and perSecond times in the long run.
type allowance struct{ burst, perSecond int64 }

// h2Kind is a kind of frames or events that a connection has an allowance for.
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

// h2Allowances are the allowances of a connection, with what a breach is called in the log.
var h2Allowances = [h2Kinds]struct {
	allowance
	breach string
}{
	// A browser that leaves a page of pictures resets all of them at once; a map that is zoomed cancels 30 tiles three times a
	// second, for as long as somebody plays with it. Each cost a request, which the rate limit counts, and a stream counts
	// as running until its upstream was let go. A reset that comes too late counts too.
	h2Resets: {allowance{250, 200}, "streams reset in bulk"},
	// Streams over the bound on those at once. A client that has not seen our SETTINGS yet may begin some hundreds, and one that
	// resets streams takes them for closed before they are.
	h2Refusals: {allowance{250, 200}, "a flood of streams over the bound"},
	// PING, PRIORITY, PRIORITY_UPDATE, frames of unknown types, and WINDOW_UPDATE beyond what data has earned. Each frame
	// that we send earns some more, as clients measure by PING how fast it comes.
	h2Controls: {allowance{1000, 100}, "a flood of frames without a request"},
	// A client sends one, and seldom another when it changes its windows.
	h2SettingsFrames: {allowance{50, 1}, "a flood of SETTINGS"},
	// DATA without data that does not end its stream, and fragments of header blocks without a byte. Some clients send
	// a few.
	h2EmptyFrames: {allowance{100, 10}, "a flood of empty frames"},
	// Streams that end by the client's own fault. Honest clients with a bug make some.
	h2Faults: {allowance{100, 10}, "a flood of malformed requests"},
	// Header blocks of streams that we have reset, which can only be trailers, and of those after the last GOAWAY. A client
	// has at most as many streams under way.
	h2LateHeads: {allowance{maxConcurrentStreams, 10}, "a flood of HEADERS on closed streams"},
}

// What a client may still send on a stream that we have reset is what it had under way: at most the stream's window. A frame
// counts for at least h2LateFrameBytes, and each stream has h2LateSlack for frames that are shorter.
const (
	h2LateFrameBytes = 64
	h2LateSlack      = 4 << 10
)

// h2ControlsEarned is how many more control frames each frame of ours earns.
const h2ControlsEarned = 3

// h2UpdatesEarned returns how many WINDOW_UPDATE frames a DATA frame of n bytes earns: one for its stream and one for the
// connection, and one for each KiB, as some clients open both windows for every 4 KiB that they have read. There is no
// bound to what is earned: over a long path all updates for a window of the client's own, however large it is, may come
// when nothing is sent any more, and each costs us less than the data did.
func h2UpdatesEarned(n int) int64 { return 2 + int64(n)/(1<<10) }

// budget is what is left of an allowance.
type budget struct {
	left int64
	// at is when left was counted, on the sweeper's clock.
	at int64
}

// take uses one, and reports whether there was one.
func (b *budget) take(a allowance, now int64) bool {
	if gained := (now - b.at) * a.perSecond / int64(time.Second); gained > 0 {
		b.left, b.at = min(a.burst, b.left+gained), now
	}
	b.left--
	return b.left >= 0
}
