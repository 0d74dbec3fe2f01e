package proxy

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// TestAnUpstreamThatReadsNothingLeavesNothingInTheKernel closes a connection whose upstream has not read what it was
// sent. A failed exchange has nothing left to deliver, but the end of a tunnel has.
func TestAnUpstreamThatReadsNothingLeavesNothingInTheKernel(t *testing.T) {
	for _, test := range []struct {
		name     string
		delivers bool
	}{{"an exchange that has failed is thrown away", false}, {"the end of a tunnel is delivered", true}} {
		t.Run(test.name, func(t *testing.T) {
			ours, theirs := tcpPair(t)
			raw, err := newSocket(ours)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := newUpstreamConn(raw, raw)
			if err != nil {
				t.Fatal(err)
			}
			conn.delivers = test.delivers
			sent := 0
			for part := bytes.Repeat([]byte("x"), 1<<20); ; {
				rest, err := raw.TryWrite(part)
				if err != nil {
					t.Fatal(err)
				}
				if sent += len(part) - len(rest); len(rest) > 0 {
					break // the kernel accepts no more
				}
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			_ = theirs.SetReadDeadline(time.Now().Add(patience))
			got, err := io.Copy(io.Discard, theirs)
			switch {
			case test.delivers && (err != nil || got != int64(sent)):
				t.Errorf("the upstream got %d of %d bytes and %v, want all and a clean end", got, sent, err)
			case !test.delivers && !errors.Is(err, syscall.ECONNRESET):
				t.Errorf("the upstream got %d of %d bytes and %v, want a reset", got, sent, err)
			}
		})
	}
}
