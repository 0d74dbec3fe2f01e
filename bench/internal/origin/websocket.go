//go:build linux

package origin

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
)

// messageBytes is the length of a WebSocket message.
const messageBytes = 200

// Message returns the frame of the one WebSocket message that is sent in both directions. Clients have to mask theirs.
func Message(masked bool) []byte {
	const binaryFrame, longLength, maskBit = 0x82, 126, 0x80
	frame := []byte{binaryFrame, longLength}
	frame = binary.BigEndian.AppendUint16(frame, messageBytes)
	if masked {
		frame[1] |= maskBit
		frame = append(frame, 0, 0, 0, 0) // this key leaves the payload as it is
	}
	return append(frame, bytes.Repeat([]byte("0123456789"), messageBytes/10)...)
}

// upgrade answers the handshake of RFC 6455. ok is false if the request is not one.
func upgrade(head []byte) (answer []byte, ok bool) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.EqualFold(name, []byte("sec-websocket-key")) {
			continue
		}
		key := string(bytes.TrimSpace(value))
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"), true
	}
	return nil, false
}

// consumeMessages sends each Message back. Other messages end the connection.
func (s *server) consumeMessages(c *conn, p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(s.answers.masked)-c.message)
		if !bytes.Equal(p[:n], s.answers.masked[c.message:c.message+n]) {
			return false
		}
		p = p[n:]
		if c.message += n; c.message < len(s.answers.masked) {
			continue
		}
		c.message = 0
		if !s.send(c, s.answers.unmasked) {
			return false
		}
	}
	return true
}
