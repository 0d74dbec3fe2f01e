//go:build linux

package origin

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Numbers of RFC 9113.
const (
	frameHeadBytes = 9
	maxFrameBytes  = 16 << 10
	firstWindow    = 1<<16 - 1
	// prefaceRest is the rest of the client's preface, after prefaceHead.
	prefaceRest = "SM\r\n\r\n"
)

// prefaceHead is the part of the HTTP/2 client preface that looks like the head of a request (RFC 9113, section 3.4).
var prefaceHead = []byte("PRI * HTTP/2.0\r\n\r\n")

// h2 is the state of a connection over HTTP/2. It serves requests without a body, and answers that are shorter than the window of
// a stream at its start.
type h2 struct {
	begun   bool
	decoder *hpack.Decoder
	// target and head are those of the request that is being decoded; head has a line for each field.
	target string
	head   []byte
	// in holds an incomplete frame, out what the next write sends.
	in, out []byte
	// window is how many bytes of data the client takes on all streams, and waiting are the answers that wait for it.
	window  int64
	waiting []h2Answer
}

// h2Answer is the answer to a request.
type h2Answer struct {
	stream uint32
	block  []byte
	body   []byte
}

func newH2() *h2 {
	h := &h2{window: firstWindow}
	h.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		name := f.Name
		switch name {
		case ":path":
			h.target = f.Value
		case ":authority":
			name = "host"
		}
		h.head = append(append(append(append(h.head, name...), ": "...), f.Value...), "\r\n"...)
	})
	return h
}

// headerBlock returns the header block of an answer. Its fields are never indexed, so every answer on a
// connection can use the same block.
func headerBlock(status string, length int) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":status", status}, {"server", "origin"}, {"date", "Mon, 02 Nov 2026 10:00:00 GMT"}, {"content-type", "application/octet-stream"},
		{"content-length", strconv.Itoa(length)}, {"last-modified", "Sun, 01 Nov 2026 10:00:00 GMT"}, {"cache-control", "no-store"},
	} {
		// A buffer takes everything.
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1], Sensitive: f[0] != ":status"})
	}
	return block.Bytes()
}

// consumeH2 handles bytes of a connection over HTTP/2, and answers all requests in them with one write.
func (s *server) consumeH2(c *conn, p []byte) bool {
	h := c.h2
	h.in, h.out = append(h.in, p...), h.out[:0]
	rest := h.in
	if !h.begun {
		if len(rest) < len(prefaceRest) {
			return true
		}
		rest, h.begun = rest[len(prefaceRest):], true
		h.out = appendFrame(h.out, http2.FrameSettings, 0, 0, nil)
	}
	for len(rest) >= frameHeadBytes {
		length := int(rest[0])<<16 | int(rest[1])<<8 | int(rest[2])
		if length > maxFrameBytes {
			return false
		}
		if len(rest) < frameHeadBytes+length {
			break
		}
		stream := binary.BigEndian.Uint32(rest[5:]) & (1<<31 - 1)
		if !s.frame(h, http2.FrameType(rest[3]), http2.Flags(rest[4]), stream, rest[frameHeadBytes:frameHeadBytes+length]) {
			return false
		}
		rest = rest[frameHeadBytes+length:]
	}
	h.in = append(h.in[:0], rest...)
	h.answer()
	return len(h.out) == 0 || s.send(c, h.out)
}

// frame handles one frame. It returns false for those that it does not support.
func (s *server) frame(h *h2, kind http2.FrameType, flags http2.Flags, stream uint32, p []byte) bool {
	switch kind {
	case http2.FrameHeaders:
		return s.request(h, flags, stream, p)
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			h.out = appendFrame(h.out, http2.FrameSettings, http2.FlagSettingsAck, 0, nil)
		}
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			h.out = appendFrame(h.out, http2.FramePing, http2.FlagPingAck, 0, p)
		}
	case http2.FrameWindowUpdate:
		if stream == 0 && len(p) == 4 {
			h.window += int64(binary.BigEndian.Uint32(p))
		}
	case http2.FrameData, http2.FrameContinuation:
		return false
	}
	return true
}

// request reads the head of a request, which must be whole.
func (s *server) request(h *h2, flags http2.Flags, stream uint32, p []byte) bool {
	padding := 0
	if flags.Has(http2.FlagHeadersPadded) && len(p) > 0 {
		padding, p = int(p[0]), p[1:]
	}
	if flags.Has(http2.FlagHeadersPriority) {
		p = p[min(5, len(p)):]
	}
	if padding > len(p) || !flags.Has(http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream) {
		return false
	}
	h.target, h.head = "", h.head[:0]
	if _, err := h.decoder.Write(p[:len(p)-padding]); err != nil || h.decoder.Close() != nil {
		return false
	}
	answer := h2Answer{stream, s.answers.h2Missing, []byte(missingBody)}
	switch h.target {
	case Small:
		answer.block, answer.body = s.answers.h2Small, s.answers.smallBody
	case Echo:
		answer.body = append([]byte(nil), h.head...)
		answer.block = headerBlock("200", len(answer.body))
	}
	h.waiting = append(h.waiting, answer)
	return len(answer.body) <= maxFrameBytes
}

// answer sends the answers for which the window has room.
func (h *h2) answer() {
	sent := 0
	for _, a := range h.waiting {
		if int64(len(a.body)) > h.window {
			break
		}
		h.window -= int64(len(a.body))
		h.out = appendFrame(h.out, http2.FrameHeaders, http2.FlagHeadersEndHeaders, a.stream, a.block)
		h.out = appendFrame(h.out, http2.FrameData, http2.FlagDataEndStream, a.stream, a.body)
		sent++
	}
	h.waiting = append(h.waiting[:0], h.waiting[sent:]...)
}

// appendFrame appends a frame.
func appendFrame(dst []byte, kind http2.FrameType, flags http2.Flags, stream uint32, p []byte) []byte {
	dst = append(dst, byte(len(p)>>16), byte(len(p)>>8), byte(len(p)), byte(kind), byte(flags))
	return append(binary.BigEndian.AppendUint32(dst, stream), p...)
}
