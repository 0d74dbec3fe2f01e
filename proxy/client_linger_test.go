package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
)

// TestAnAnswerIsReadByAClientThatStillSends has clients send more than any socket holds before they read: closing the
// connection would reset it, and the answer would be lost.
func TestAnAnswerIsReadByAClientThatStillSends(t *testing.T) {
	for _, test := range []struct{ name, head, want string }{
		{"a body declares too much", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 16777216\r\n\r\n", "413 Payload Too Large"},
		{"a host is unknown", "POST / HTTP/1.1\r\nHost: b.test\r\nTransfer-Encoding: chunked\r\n\r\n1000000\r\n", "404 Not Found"},
		{"a head is invalid", "POST / HTTP/1.1\r\nHost : a.test\r\nContent-Length: 16777216\r\n\r\n", "400 Bad Request"},
		{"a chunk is invalid", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz", "400 Bad Request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, _ net.Conn) { _, _ = io.Copy(io.Discard, r) })
			p := startPath(t, upstream, func(o *pathOptions) { o.bodyLimit = 1 << 20 })
			conn := p.dial(t)
			_, _ = io.WriteString(conn, test.head)
			block := make([]byte, 1<<20)
			for range 16 {
				if _, err := conn.Write(block); err != nil {
					break // the peer has stopped reading; the answer is there all the same
				}
			}
			answer, _ := io.ReadAll(conn)
			if !strings.Contains(string(answer), test.want) || strings.Count(string(answer), "HTTP/1.1") != 1 {
				t.Errorf("got %q, want %q and nothing else", answer, test.want)
			}
			if !strings.Contains(string(answer), "\r\nConnection: close\r\n") {
				t.Errorf("got %q, want it to announce the end of the connection", answer)
			}
		})
	}
}

// TestAnEarlyAnswerIsFollowedByNoReset has a client send more than the kernel holds, which the proxy must take for a while
// although it has answered: on another network than the loopback a reset overtakes the answer.
func TestAnEarlyAnswerIsFollowedByNoReset(t *testing.T) {
	leaks(t)
	p := startPath(t, "127.0.0.1:1", nil)
	conn := p.dial(t)
	begin := time.Now()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: b.test\r\nContent-Length: 16777216\r\n\r\n")
		if err == nil {
			_, err = conn.Write(make([]byte, 16<<20))
		}
		sent <- err
	}()
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "404 Not Found") {
		t.Errorf("got %q, %v; want the 404", answer, err)
	}
	// On a busy machine the time that such a client has may be over.
	if err := <-sent; err != nil && time.Since(begin) < lingerTime {
		t.Errorf("got %v while the rest was sent, want it taken", err)
	}
}

func TestAClientThatNeverStopsSendingIsCutOff(t *testing.T) {
	leaks(t)
	p := startPath(t, "127.0.0.1:1", func(o *pathOptions) { o.bodyLimit = 10 })
	conn := p.dial(t)
	begin := time.Now()
	_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", int64(1)<<40)
	for {
		if _, err := conn.Write(make([]byte, 1000)); err != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if lingered := time.Since(begin); lingered < lingerTime-2*deadline.Interval || lingered > patience/2 {
		t.Errorf("lingered for %v, want %v", lingered, lingerTime)
	}
	waitFor(t, "the connection's end", func() bool { return p.registry.count() == 0 })
}
