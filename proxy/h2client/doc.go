// Package h2client is the client's side of an HTTP/2 connection, which many requests share: one goroutine reads frames and hands
// them to their streams, and one writes what all streams have gathered in one piece. It knows nothing of configuration, pools or
// the requests' clients.
//
// What a server sends is bounded: in memory by the window of each stream, and in work by a budget for frames that carry nothing.
// A stream that is not read does not hold up the others: the connection's window is given back as data arrives, and only a
// stream's own window waits for its reader.
package h2client

import "time"

const (
	// streamWindow is how much of a response may wait for its reader.
	streamWindow = 64<<10 - 1
	// connWindow covers the windows of all streams, so that the connection's never holds one up. It is given back in pieces of
	// connCredit.
	connWindow = (MaxStreams + 16) << 16
	connCredit = 1 << 20
	// MaxStreams bounds the streams of one connection, whatever its server allows.
	MaxStreams = 150
	// maxQueued is how much may wait to be written before the bodies of requests wait. What frames of the server make us write
	// has a bound of its own, maxAnswers.
	maxQueued  = 128 << 10
	maxAnswers = 64 << 10
	// junkFrames is the number of frames that carry nothing and that a server may send. Each frame that carries something pays
	// for usefulFrame of them, and each second for junkEachSecond.
	junkFrames     = 2000
	usefulFrame    = 10
	junkEachSecond = 200
	// paidFrames is how many frames that carry nothing a DATA frame of ours pays for: a WINDOW_UPDATE for its stream, one for the
	// connection, and a PING that measures the path. paidUpdate is how many bytes of data pay for a further WINDOW_UPDATE.
	paidFrames = 3
	paidUpdate = 512
	// maxInterim is the number of interim responses that may wait for their reader.
	maxInterim = 16
	// resetsAtOnce and resetsEachSecond are how often requests that were not complete are reset on one connection before it takes no
	// more of them, and lateEachSecond is how many of its remaining ones are reset in each second afterwards. Servers count resets
	// (CVE-2023-44487) and end the connection, with the requests of all clients, after 20 of streams that they have not looked at
	// yet (hyper), 200 in 30 seconds (Netty) or a burst of 1,000 (nghttp2). With MaxStreams, a connection has fewer than 200 in 30
	// seconds.
	resetsAtOnce     = 16
	resetsEachSecond = 1
	lateEachSecond   = 48
	// lateSlack pays for the heads of a response that comes after its request was given up, at lateHeadBytes each.
	lateSlack     = 4 * lateHeadBytes
	lateHeadBytes = 1 << 10
	// LargeHead is the size of a header list from which on a server may end the connection, with the requests of all clients,
	// although it has not announced a bound: nginx does so above 32 KiB. Requests with such heads get connections of their own.
	LargeHead = 8 << 10
	// silence is how long a server with streams may send nothing before it is asked for a sign of life, and patience how long it
	// has for that before new streams avoid the connection.
	silence  = 10 * time.Second
	patience = 5 * time.Second
	// stuckWrite is how long a write may make no progress before the connection is given up.
	stuckWrite = 30 * time.Second
	// lastWords is how long the rest of what a server has sent is read after a write has failed.
	lastWords = time.Second
	// readBytes is the size of the buffer for frames: it holds the longest and some more.
	readBytes = 32 << 10
)
