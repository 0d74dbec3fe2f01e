//go:build linux

package load

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"reverse-proxy/bench/internal/origin"
)

// echoMessages accepts a WebSocket and sends each message back, as the origin does.
func echoMessages(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-WebSocket-Key") == "" {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	message := make([]byte, len(origin.Message(true)))
	for {
		if _, err := io.ReadFull(buffered, message); err != nil {
			return
		}
		if _, err := conn.Write(origin.Message(false)); err != nil {
			return
		}
	}
}

// sendEvents sends events until the client leaves.
func sendEvents(w http.ResponseWriter, r *http.Request) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, _ = io.WriteString(w, origin.Event)
		w.(http.Flusher).Flush()
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}

func TestStreamsAreCounted(t *testing.T) {
	for kind, handler := range map[string]http.HandlerFunc{Tunnel: echoMessages, Events: sendEvents} {
		t.Run(kind, func(t *testing.T) {
			got, err := Run(job(kind, server(t, handler, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if got.Requests < 6 || got.ProxySeconds <= 0 {
				t.Errorf("got %d messages or events and %v s of processor time, want some of each", got.Requests, got.ProxySeconds)
			}
		})
	}
}

// TestStreamsThatBreakAreErrors has the server answer with something else.
func TestStreamsThatBreakAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		handler http.HandlerFunc
		want    string
	}{
		"a tunnel is refused": {Tunnel, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }, "400"},
		"a stream is refused": {Events, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "503"},
		"a stream ends":       {Events, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, "want a chunked body"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Run(job(c.kind, server(t, c.handler, nil))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// pieces passes text in pieces of n bytes, and returns how many times f said that something is complete.
func pieces(text string, n int, f func([]byte) (int, error)) (complete int, err error) {
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		done, err := f([]byte(piece))
		if complete += done; err != nil {
			return complete, err
		}
		text = text[len(piece):]
	}
	return complete, nil
}

// chunked returns a chunk.
func chunked(text string) string {
	return strconv.FormatInt(int64(len(text)), 16) + "\r\n" + text + "\r\n"
}

func TestEventsAreCountedHoweverTheyAreCut(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	half := len(origin.Event) / 2
	text := head + chunked(origin.Event) + chunked(origin.Event+origin.Event[:half]) + chunked(origin.Event[half:])
	for n := 1; n <= len(text); n++ {
		c := &events{}
		if complete, err := pieces(text, n, c.arrived); complete != 3 || err != nil {
			t.Fatalf("pieces of %d: got %d events and %v, want 3", n, complete, err)
		}
	}
}

func TestAWrongStreamOfEventsIsAnError(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, text := range map[string]string{
		"another event comes": head + chunked("event: none\n\n"),
		"the stream ends":     head + chunked(origin.Event) + "0\r\n\r\n",
		"a length is invalid": head + "x\r\n",
		"a head is too long":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswerHead),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pieces(text, len(text), (&events{}).arrived); err == nil {
				t.Error("got no error, want one")
			}
		})
	}
}

// newTunnelState makes the state of a connection that does not exist yet.
func newTunnelState() *tunnel { return &tunnel{partial: []byte{}, back: origin.Message(false)} }

// counted makes of the tunnel's arrived a function for pieces.
func counted(c *tunnel) func([]byte) (int, error) {
	return func(p []byte) (int, error) {
		done, err := c.arrived(p)
		if !done {
			return 0, err
		}
		c.partial = nil
		return 1, err
	}
}

func TestMessagesAreCountedHoweverTheyAreCut(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
	message := string(origin.Message(false))
	for n := 1; n <= len(message); n++ {
		c := newTunnelState()
		for _, text := range []string{head, message, message} {
			if complete, err := pieces(text, n, counted(c)); complete != 1 || err != nil {
				t.Fatalf("pieces of %d: got %d and %v, want 1", n, complete, err)
			}
		}
	}
}

func TestAWrongTunnelIsAnError(t *testing.T) {
	const head = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	for name, texts := range map[string][]string{
		"a message comes with the head": {head + "x"},
		"another message comes":         {head, "\x82\x01x"},
		"two messages come for one":     {head, string(origin.Message(false)) + "\x82"},
		"a head does not end":           {"HTTP/1.1 101 " + strings.Repeat("x", maxAnswerHead)},
		"an answer is of another kind":  {"HTTP/1.1 200 OK\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTunnelState()
			var err error
			for _, text := range texts {
				if _, err = pieces(text, len(text), counted(c)); err != nil {
					break
				}
			}
			if err == nil {
				t.Error("got no error, want one")
			}
		})
	}
}
