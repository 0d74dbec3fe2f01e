package proxy

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"io"

	"reverse-proxy/proxy/http1"
)

// webSocketGUID is what a WebSocket server appends to the key before hashing it (RFC 6455, section 1.3).
const webSocketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// prepareConnect turns an extended CONNECT (RFC 8441) into the HTTP/1.1 handshake. It makes up a Sec-WebSocket-Key,
// because the handshake over HTTP/2 has none. It refuses protocols other than WebSocket. The caller holds the
// connection's mu.
func (s *h2Stream) prepareConnect(refused **http1.Error) {
	r := &s.request
	if !http1.EqualFold(s.head.Protocol, "websocket") {
		if *refused == nil {
			*refused = &http1.Error{Status: 501, Reason: "unknown :protocol"}
		}
		return
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	s.webSocketKey = base64.StdEncoding.EncodeToString(nonce[:])
	r.Method, r.Upgrade = "GET", "websocket"
	r.Fields.Remove(func(f Field) bool { return f.Name == "sec-websocket-key" || f.Name == "sec-websocket-accept" })
	r.Fields.Add("Sec-WebSocket-Key", s.webSocketKey)
}

// checkSwitch implements tunnelClient. The hash of the key proves that the upstream has understood the handshake.
func (s *h2Stream) checkSwitch(fields Fields) error {
	hash := sha1.Sum([]byte(s.webSocketKey + webSocketGUID)) // this proves understanding and keeps no secret
	if s.webSocketKey == "" || fields.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(hash[:]) {
		return errBadResponse("its Sec-WebSocket-Accept does not match the key")
	}
	return nil
}

// switchProtocol implements tunnelClient. After the 200, the stream's data belongs to the new protocol.
func (s *h2Stream) switchProtocol(_ string, fields Fields, _ string, sent []byte) (io.ReadWriter, []byte, error) {
	fields.Remove(func(f Field) bool { return http1.EqualFold(f.Name, "Sec-WebSocket-Accept") })
	s.headed, s.status, s.fields, s.length, s.switched = true, statusOK, fields, -1, true
	if _, err := s.Write(sent); err != nil {
		return nil, nil, err
	}
	if err := s.Flush(); err != nil {
		return nil, nil, err
	}
	return h2Tunnel{s}, nil, nil
}

// h2Tunnel is a stream used as a connection.
type h2Tunnel struct{ stream *h2Stream }

// Read implements io.Reader.
func (t h2Tunnel) Read(p []byte) (int, error) {
	data, err := t.stream.read(p, true)
	return len(data), err
}

// Write implements io.Writer. When it returns, the data is on its way or waits for the client's window.
func (t h2Tunnel) Write(p []byte) (int, error) {
	n, err := t.stream.Write(p)
	if err == nil {
		err = t.stream.Flush()
	}
	return n, err
}

// CloseWrite ends the direction towards the client.
func (t h2Tunnel) CloseWrite() error { return t.stream.End(nil) }
