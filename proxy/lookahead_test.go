package proxy

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestOnlySomeResponsesHaveALongBuffer reads more long responses at a time than may have a long buffer: the others arrive
// whole too, in smaller pieces, and a buffer that was given back can be taken again (S-12.8).
func TestOnlySomeResponsesHaveALongBuffer(t *testing.T) {
	const beyond = 8
	text := strings.Repeat("0123456789", 20_000)
	var count lookahead
	for range 2 {
		conns := make([]*upstreamConn, maxLongBuffers+beyond)
		for i := range conns {
			// The head of the last response fills the buffer, which leaves only a long buffer for the body.
			head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: ", len(text))
			if i == len(conns)-1 {
				head += strings.Repeat("a", upstreamBufferBytes-len(head)-len("\r\n\r\n"))
			}
			conns[i] = &upstreamConn{lookahead: &count, Conn: &piecesConn{rest: []byte(head + "\r\n\r\n" + text), piece: 40_000, end: io.EOF}}
			conns[i].begin()
			if err := conns[i].readHead(); err != nil {
				t.Fatal(err)
			}
			conns[i].body.begin(conns[i].upstreamResponse, "GET")
		}
		bodies := make([]strings.Builder, len(conns))
		long := 0
		for i, conn := range conns {
			for conn.body.left > int64(len(text))/2 {
				data, err := conn.body.next()
				if err != nil {
					t.Fatal(err)
				}
				bodies[i].Write(data)
			}
			if conn.body.long != nil {
				long++
			}
		}
		if want := maxLongBuffers + 1; long != want {
			t.Errorf("got %d responses with a long buffer, want %d: the most, and one that has no other room", long, want)
		}
		for i, conn := range conns {
			for {
				data, err := conn.body.next()
				bodies[i].Write(data)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if bodies[i].String() != text {
				t.Errorf("response %d: got %d bytes, want the %d that were sent", i, bodies[i].Len(), len(text))
			}
			conn.detach().release()
		}
		if got := count.buffers.Load(); got != 0 {
			t.Fatalf("got %d long buffers in use after all were released, want none", got)
		}
	}
}
