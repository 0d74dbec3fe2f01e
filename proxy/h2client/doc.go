// Package h2client implements the client side of an HTTP/2 connection that many requests share. One goroutine reads
// frames and hands them to their streams; another writes what all streams have queued. The package knows nothing of
// configuration, pools or the requests' clients.
//
// Everything that a server sends is bounded: in memory by the window of each stream, and in work by a budget for frames
// that carry nothing. A stream that is not read does not hold up the others: the connection's window is restored as
// data arrives, and only the window of a stream waits for its reader.
package h2client

import "time"

const (
	// streamWindow is how many bytes of a response may wait for its reader, and longWindow how many of a long response. At
	// most maxLong responses of a connection have the larger window: a client that reads nothing leaves it full.
	streamWindow = 16 << 10
	longWindow   = 64<<10 - 1
	maxLong      = 16
	// connWindow covers the windows of all streams, so that the connection's window never holds up a stream. It is
	// restored in steps of connCredit.
	connWindow = (MaxStreams + 16) << 16
	connCredit = 1 << 20
	// MaxStreams bounds the streams of one connection, whatever its server allows.
	MaxStreams = 150
	// maxQueued is how many bytes may wait to be written before the bodies of requests must wait. Answers to frames of
	// the server have their own bound, maxAnswers.
	maxQueued  = 128 << 10
	maxAnswers = 64 << 10
	// junkFrames is how many frames without content a server may send. Each frame with content restores usefulFrame
	// of them, and each second restores junkEachSecond.
	junkFrames     = 2000
	usefulFrame    = 10
	junkEachSecond = 200
	// paidFrames is how many frames without content each DATA frame of ours allows: a WINDOW_UPDATE for its stream,
	// one for the connection, and a PING that measures the path. Every paidUpdate bytes of data allow another
	// WINDOW_UPDATE.
	paidFrames = 3
	paidUpdate = 512
	// maxInterim is how many interim responses may wait for their reader.
	maxInterim = 16
	// resetsAtOnce and resetsEachSecond bound how often incomplete requests are reset on one connection. Once they are
	// used up, the connection takes no more streams, and lateEachSecond of its remaining ones are reset in each second.
	// Servers count resets (CVE-2023-44487) and end the connection, with the requests of all clients, after 20 resets
	// of streams that they have not processed yet (hyper), 200 in 30 seconds (Netty) or a burst of 1,000 (nghttp2).
	// With MaxStreams, a connection has fewer than 200 in 30 seconds.
	resetsAtOnce     = 16
	resetsEachSecond = 1
	lateEachSecond   = 48
	// lateSlack allows for the heads of a response that arrives after its request was given up, at lateHeadBytes each.
	lateSlack     = 4 * lateHeadBytes
	lateHeadBytes = 1 << 10
	// LargeHead is the size of a header list above which a server may end the connection, with the requests of all
	// clients, although it has announced no bound: nginx does so above 32 KiB. Requests with such heads get their own
	// connections.
	LargeHead = 8 << 10
	// silence is how long a server with open streams may send nothing before it is pinged. patience is how long it may
	// take to answer before new streams avoid the connection.
	silence  = 10 * time.Second
	patience = 5 * time.Second
	// stuckWrite is how long a write may make no progress before the connection is ended.
	stuckWrite = 30 * time.Second
	// lastWords is how long the reader still reads what the server has sent after a write has failed.
	lastWords = time.Second
	// readBytes is the size of the buffer for frames. It holds the longest frame and more.
	readBytes = 32 << 10
)
