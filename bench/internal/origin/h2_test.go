//go:build linux

package origin

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestAnswersOverHTTP2 asks with Go's client, over one connection: together the answers are longer than its window.
func TestAnswersOverHTTP2(t *testing.T) {
	addr := serve(t)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	get := func(target string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+target, nil)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		request.Header.Set("X-Real-IP", "127.0.0.1")
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.ProtoMajor != 2 {
			t.Errorf("got %v over %s, want no error over HTTP/2", err, response.Proto)
		}
		return response.StatusCode, string(body)
	}
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 50 {
				if status, body := get(Small); status != 200 || len(body) != SmallBytes {
					t.Errorf("got %d with %d bytes, want 200 with %d", status, len(body), SmallBytes)
				}
			}
		})
	}
	clients.Wait()
	if status, body := get(Echo); status != 200 || !strings.Contains(body, "x-real-ip: 127.0.0.1\r\n") || !strings.Contains(body, "host: "+addr+"\r\n") {
		t.Errorf("got %d %q, want the fields of the request", status, body)
	}
	if status, _ := get("/2k"); status != 404 {
		t.Errorf("got %d, want 404", status)
	}
}

// TestHTTP2InPieces passes a request byte by byte.
func TestHTTP2InPieces(t *testing.T) {
	request := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
		"\x00\x00\x07\x01\x05\x00\x00\x00\x01\x82\x87\x04\x03/1k"
	s := &server{answers: newAnswers()}
	c := &conn{out: []byte("pending")} // the answer is kept after it, as when the socket is full
	for i := range len(request) {
		if !s.consume(c, []byte{request[i]}) {
			t.Fatalf("byte %d: the connection was given up", i)
		}
	}
	if !strings.Contains(string(c.out), string(s.answers.h2Small)) || !strings.HasSuffix(string(c.out), string(s.answers.smallBody)) {
		t.Errorf("got %d bytes, want the small answer", len(c.out))
	}
}
