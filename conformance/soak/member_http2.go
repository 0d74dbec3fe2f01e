package soak

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// goAwayAfter is how many requests a connection has before a member that goes away says so.
	goAwayAfter = 10
	// floodFrames is more than any client accepts.
	floodFrames = 200_000
	// overlap is how long an answer takes where a fault concerns several requests at once.
	overlap = 2 * time.Millisecond
)

// resetCodes are those that do not say that the request was not acted on.
var resetCodes = []http2.ErrCode{
	http2.ErrCodeNo, http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeFlowControl, http2.ErrCodeSettingsTimeout,
	http2.ErrCodeStreamClosed, http2.ErrCodeFrameSize, http2.ErrCodeCancel, http2.ErrCodeCompression, http2.ErrCodeConnect,
	http2.ErrCodeEnhanceYourCalm, http2.ErrCodeInadequateSecurity, http2.ErrCodeHTTP11Required, 0xdead,
}

// frames is the server's side of a connection of HTTP/2.
type frames struct {
	member    *member
	raw, conn net.Conn

	// mu guards the fields below.
	mu      sync.Mutex
	out     *bufio.Writer
	framer  *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
	// open are the requests that have not been answered, by stream.
	open map[uint32]string
	// begun counts the requests, and last is the stream of the last one.
	begun int
	last  uint32
	// applied is the fault whose settings the client has.
	applied Fault
	// gone reports whether GOAWAY was sent.
	gone bool
}

func newFrames(m *member, raw, conn net.Conn) *frames {
	f := &frames{member: m, raw: raw, conn: conn, out: bufio.NewWriter(conn), open: map[uint32]string{}}
	f.framer = http2.NewFramer(f.out, bufio.NewReader(conn))
	f.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.encoder = hpack.NewEncoder(&f.block)
	return f
}

// serve reads frames until the connection ends.
func (f *frames) serve() {
	if _, err := io.ReadFull(f.conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f.applied = f.member.current()
	if !f.locked(func() bool { return f.framer.WriteSettings(settingsOf(f.applied)...) == nil }) {
		return
	}
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil || !f.locked(func() bool { return f.frame(frame) }) {
			return
		}
	}
}

// locked calls do, and writes what it has gathered. It reports whether the connection continues.
func (f *frames) locked(do func() bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	goesOn := do()
	return f.out.Flush() == nil && goesOn
}

// settingsOf returns the settings during a fault.
func settingsOf(fault Fault) []http2.Setting {
	switch fault {
	case LowersLimit:
		return []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: 1}}
	case OpensNoWindow:
		return []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}}
	}
	return nil
}

// frame handles a frame, and reports whether the connection continues. The caller holds mu.
func (f *frames) frame(frame http2.Frame) bool {
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		return f.request(frame)
	case *http2.DataFrame:
		if n := len(frame.Data()); n > 0 {
			_ = f.framer.WriteWindowUpdate(0, uint32(n)) // here and below, the flush reports the error
		}
		if id, ok := f.open[frame.StreamID]; ok && frame.StreamEnded() {
			return f.answer(frame.StreamID, id)
		}
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			_ = f.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			_ = f.framer.WritePing(true, frame.Data)
		}
	case *http2.RSTStreamFrame:
		delete(f.open, frame.StreamID)
	}
	return true
}

// request handles the head of a request. One that it does not act on is not counted. The caller holds mu.
func (f *frames) request(head *http2.MetaHeadersFrame) bool {
	fault, stream := f.member.current(), head.StreamID
	if fault != f.applied {
		f.applied = fault
		if settings := settingsOf(fault); settings != nil {
			_ = f.framer.WriteSettings(settings...)
		}
	}
	switch {
	case f.gone:
		return true // GOAWAY was on its way
	case fault == SaysNothing:
		_ = f.out.Flush()
		_, _ = io.Copy(io.Discard, f.raw)
		return false
	case fault == GoesAwayAtOnce:
		f.gone = true
		return f.framer.WriteGoAway(f.last, http2.ErrCodeNo, nil) == nil
	case fault == RefusesStreams || fault == LowersLimit && len(f.open) > 0:
		return f.framer.WriteRSTStream(stream, http2.ErrCodeRefusedStream) == nil
	}
	id := idOf(head.PseudoValue("path"))
	f.member.sees(id)
	f.begun++
	f.last = stream
	switch fault {
	case Closes:
		return false
	case ResetsStreams:
		return f.framer.WriteRSTStream(stream, resetCodes[f.begun%len(resetCodes)]) == nil
	case GoesAway:
		if f.begun == goAwayAfter {
			f.gone = true
			_ = f.framer.WriteGoAway(stream, http2.ErrCodeNo, nil)
		}
	}
	f.open[stream] = id
	if head.StreamEnded() {
		return f.answer(stream, id)
	}
	return true
}

// answer answers a request that has come whole. The caller holds mu.
func (f *frames) answer(stream uint32, id string) bool {
	switch fault := f.member.current(); fault {
	case Hangs:
		return true
	case HalfHead:
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.head(200)})
		return false
	case ResetsBody, ResetsInBody:
		_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.head(200), EndHeaders: true})
		_ = f.framer.WriteData(stream, false, []byte(id))
		if fault == ResetsBody {
			_ = f.out.Flush()
			abort(f.raw)
			return false
		}
		return f.framer.WriteRSTStream(stream, http2.ErrCodeInternal) == nil
	case Garbage:
		_, err := f.out.WriteString(garbage)
		return err == nil
	case BigHead:
		return f.endlessHead(stream)
	case FloodsPings, FloodsSettings:
		return f.flood(fault)
	case GoesAway, LowersLimit:
		time.AfterFunc(overlap, func() { f.locked(func() bool { return f.whole(stream, id) }) })
		return true
	case AnswersUnasked:
		_ = f.whole(stream, id)
		return f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream + 2000, BlockFragment: f.head(200), EndHeaders: true}) == nil
	}
	return f.whole(stream, id)
}

// whole answers a request. The caller holds mu.
func (f *frames) whole(stream uint32, id string) bool {
	if _, ok := f.open[stream]; !ok {
		return true // it was cancelled
	}
	delete(f.open, stream)
	head := f.head(200, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(id))})
	_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head, EndHeaders: true})
	return f.framer.WriteData(stream, true, []byte(id)) == nil && !f.member.isWorn(f.begun)
}

// head returns a header block, which is valid until the next one. The caller holds mu.
func (f *frames) head(status int, fields ...hpack.HeaderField) []byte {
	f.block.Reset()
	_ = f.encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)}) // a buffer takes all
	for _, field := range fields {
		_ = f.encoder.WriteField(field)
	}
	return f.block.Bytes()
}

// endlessHead begins a header block that continues until the client ends the connection. The caller holds mu.
func (f *frames) endlessHead(stream uint32) bool {
	_ = f.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: f.head(200)})
	const value = 16<<10 - 127 - 6
	field := append([]byte("\x00\x01a\x7f\x80\x7f"), strings.Repeat("x", value)...) // a literal, HPACK's length of which is 127+0+127*128
	for range 64 {
		if f.framer.WriteContinuation(stream, false, field) != nil {
			return false
		}
	}
	return true
}

// flood sends frames that need an answer until the client ends the connection. The caller holds mu.
func (f *frames) flood(fault Fault) bool {
	for range floodFrames {
		var err error
		if fault == FloodsPings {
			err = f.framer.WritePing(false, [8]byte{1})
		} else {
			err = f.framer.WriteSettings()
		}
		if err != nil {
			return false
		}
	}
	return true
}
