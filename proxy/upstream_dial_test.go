package proxy

import (
	"crypto/tls"
	"net"
	"testing"
)

// readPanics is a connection whose Read panics, as a parser of hostile bytes might.
type readPanics struct{ net.Conn }

func (readPanics) Read([]byte) (int, error) { panic("a hostile record") }

func TestAPanicOfAHandshakeReachesItsExchange(t *testing.T) {
	leaks(t)
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	go func() { _, _ = theirs.Read(make([]byte, 4<<10)) }() // the ClientHello
	defer func() {
		if got := recover(); got != "a hostile record" {
			t.Errorf("recovered %v, want the panic of the handshake", got)
		}
	}()
	apart(func() { _ = tls.Client(readPanics{ours}, &tls.Config{ServerName: "a.test"}).Handshake() })
	t.Error("got no panic")
}
