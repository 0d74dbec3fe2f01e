package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
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
	err := handshakeApart(context.Background(), tls.Client(readPanics{ours}, &tls.Config{ServerName: "a.test"}))
	t.Errorf("got the error %v, want a panic", err)
}

func TestAHandshakeEndsWithItsContext(t *testing.T) {
	leaks(t)
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err := handshakeApart(ctx, tls.Client(ours, &tls.Config{ServerName: "a.test"}))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got the error %v, want %v", err, context.DeadlineExceeded)
	}
}
