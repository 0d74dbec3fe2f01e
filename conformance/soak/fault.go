package soak

// Fault is what one of several upstreams does wrong.
type Fault int32

// The faults of all upstreams.
const (
	Sound Fault = iota
	// SaysNothing accepts connections, and neither answers on them nor finishes a TLS handshake.
	SaysNothing
	// Hangs reads requests and never answers.
	Hangs
	// Closes reads the head of each request, and closes.
	Closes
	// ClosesSecond closes every second connection at once.
	ClosesSecond
	// HalfHead answers with a part of a head, and closes.
	HalfHead
	// ResetsBody answers with the head and a part of the body, and resets the connection.
	ResetsBody
	// Garbage answers with bytes that are neither HTTP/1.1 nor frames.
	Garbage
	// BigHead answers with a head beyond the bounds.
	BigHead
	// AnswersUnasked sends an unrequested answer after each answer.
	AnswersUnasked
	// Refuses refuses connections.
	Refuses
	// BlackHole neither accepts nor refuses them.
	BlackHole
	// Killed kills its process, and Stopped stops it (SIGSTOP). The member needs its own process.
	Killed
	Stopped
)

// The faults of upstreams with TLS: new connections get a certificate that has expired, that is for another name, or that another
// CA has issued.
const (
	Expires Fault = iota + 100
	ChangesName
	ChangesCA
)

// The faults of upstreams of HTTP/2.
const (
	// GoesAway ends each connection with GOAWAY after some requests, and answers those that it has named in it.
	GoesAway Fault = iota + 200
	// GoesAwayAtOnce answers each request with a GOAWAY that says that it was not acted on.
	GoesAwayAtOnce
	// RefusesStreams resets each stream with REFUSED_STREAM.
	RefusesStreams
	// ResetsStreams resets each stream with one of the other codes.
	ResetsStreams
	// ResetsInBody answers with the head and a part of the body, and resets the stream.
	ResetsInBody
	// LowersLimit lowers its limit to one stream, and refuses further ones.
	LowersLimit
	// OpensNoWindow accepts no byte of a body.
	OpensNoWindow
	// FloodsPings sends PING frames without an end, FloodsSettings SETTINGS frames.
	FloodsPings
	FloodsSettings
)
