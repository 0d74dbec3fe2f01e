package proxy

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// talkingSocket is an upstream that switches to WebSocket, waits for a byte, sends the text, and ends its half.
func talkingSocket(t *testing.T, text string) string {
	return rawUpstream(t, func(head string, r *bufio.Reader, conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		hash := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + webSocketGUID))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(hash[:]))
		if _, err := r.ReadByte(); err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, r)
	})
}

func TestATunnelHoldsLittleForAClientThatAcceptsNothing(t *testing.T) {
	const tunnels = 3
	text := strings.Repeat("0123456789abcdef", 16<<10)
	d := startDaemon(t, talkingSocket(t, text), "")
	c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for id := uint32(1); id < 2*tunnels; id += 2 {
		c.head(id, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "a.test")
		c.until("the switch", func() bool { return len(c.stream(id).heads) == 1 })
		c.data(id, "x", false)
	}
	waitFor(t, "the tunnels to wait for their client", func() bool {
		blocked, _, _ := waitingStreams(d)
		return blocked == tunnels
	})
	if _, held, _ := waitingStreams(d); held > tunnels*leastTunnelRead {
		t.Errorf("%d tunnels hold %d bytes, want at most %d each", tunnels, held, leastTunnelRead)
	}
}

// TestATunnelPassesAllBytesThroughAnyWindow opens the windows of the stream and of the connection by amounts of all sizes.
func TestATunnelPassesAllBytesThroughAnyWindow(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 16<<10)
	d := startDaemon(t, talkingSocket(t, text), "")
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 0))
		c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: random.Uint32N(3)})
		connect(c, "/", "websocket")
		c.data(1, "x", false)
		opened := 0
		for s := c.stream(1); s.body.Len() < len(text); {
			more := 1 + random.Uint32N(1<<(1+random.Uint32N(16)))
			c.sent(c.framer.WriteWindowUpdate(0, more))
			c.sent(c.framer.WriteWindowUpdate(1, more))
			opened += int(more)
			c.until("the bytes that were accepted", func() bool { return s.body.Len() >= min(opened, len(text)) })
		}
		c.data(1, "", true)
		if s := c.answer(1); s.body.String() != text || s.reset != "" {
			t.Fatalf("seed %d: got %d bytes and the reset %q, want all %d bytes and their end", seed, s.body.Len(), s.reset, len(text))
		}
	}
}

// TestOnlyAFewTunnelsAreReadAhead has many tunnels whose earlier bytes wait to be sent although their windows are open.
func TestOnlyAFewTunnelsAreReadAhead(t *testing.T) {
	count := &lookahead{}
	rooms := make([]tunnelRoom, maxTunnelsAhead+5)
	ahead := func() (n int) {
		for i := range rooms {
			if rooms[i].mayReadAhead(count) {
				n++
			}
		}
		return n
	}
	if n := ahead(); n != maxTunnelsAhead {
		t.Errorf("%d tunnels are read ahead, want %d", n, maxTunnelsAhead)
	}
	for i := range rooms {
		rooms[i].takeBack()
	}
	if n := count.tunnels.Load(); n != 0 {
		t.Errorf("%d tunnels count as read ahead after all have begun to wait, want none", n)
	}
	if n := ahead(); n != maxTunnelsAhead {
		t.Errorf("%d tunnels are read ahead then, want %d", n, maxTunnelsAhead)
	}
}
