package proxy

import (
	"crypto/tls"
	"errors"
)

// plainHTTPBody is the answer to plain HTTP on a port for HTTPS (S-5.14).
const plainHTTPBody = "This port speaks HTTPS."

// refusePlainHTTP answers a client that speaks HTTP where TLS was expected, and ends the connection. It recognises such
// a client by the first bytes in the handshake error. Before step 8 of the start it does not answer (S-4.3).
func (c *clientConn) refusePlainHTTP(handshake error) {
	var record tls.RecordHeaderError
	if !errors.As(handshake, &record) || record.Conn == nil || !beginsHTTP(record.RecordHeader) || !c.server.gate.isOpen() {
		return
	}
	c.stream, c.tls = c.socket, nil
	w := c.takeWork()
	defer c.giveWork()
	method := "-"
	if string(record.RecordHeader[:]) == "HEAD " { // the answer to HEAD has no body
		method = "HEAD"
	}
	refusal := &answer{status: statusBadRequest, body: []byte(plainHTTPBody), closing: true}
	w.refuseWith(method, refusal, "plain HTTP on a port for HTTPS")
}

// beginsHTTP reports whether the first bytes of a connection could be a request line: a method in capital letters, or the
// beginning of one.
func beginsHTTP(first [5]byte) bool {
	for i, b := range first {
		switch {
		case 'A' <= b && b <= 'Z' || b == '-' && i > 0:
		case b == ' ' && i >= 3:
			return true
		default:
			return false
		}
	}
	return true
}
