package conformance_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// relayRoundTrip is the round-trip time to the proxy through a relay.
const relayRoundTrip = 100 * time.Millisecond

// startRelay starts a relay to the address that accepts any number of bytes in both directions, and passes each on half a
// round trip later. It needs no privilege and no kernel that can delay packets. It returns its own address.
func startRelay(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relays sync.WaitGroup
	t.Cleanup(relays.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	relays.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the listener was closed
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				t.Errorf("relay: %v", err)
				_ = client.Close()
				continue
			}
			relays.Go(func() { delayBytes(server, client) })
			relays.Go(func() { delayBytes(client, server) })
		}
	})
	return listener.Addr().String()
}

// delayBytes passes bytes from one connection to the other until the first ends, and then closes the second.
func delayBytes(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	var mu sync.Mutex
	var queue []piece
	ended, filled := false, sync.NewCond(&mu)
	go func() {
		room := make([]byte, 256<<10)
		for {
			n, err := from.Read(room)
			mu.Lock()
			if n > 0 {
				queue = append(queue, piece{append([]byte(nil), room[:n]...), time.Now().Add(relayRoundTrip / 2)})
			}
			ended = err != nil
			filled.Signal()
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	for {
		mu.Lock()
		for len(queue) == 0 && !ended {
			filled.Wait()
		}
		if len(queue) == 0 {
			mu.Unlock()
			_ = to.Close() // what it still sends would not be read
			return
		}
		first := queue[0]
		queue = queue[1:]
		mu.Unlock()
		time.Sleep(time.Until(first.due))
		if _, err := to.Write(first.data); err != nil {
			_ = from.Close()
			return
		}
	}
}

// zeros is an endless body of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestWindowsSuitALongPath lets a client whose own windows delay nothing download and upload large bodies through the
// real binary over 100 ms.
func TestWindowsSuitALongPath(t *testing.T) {
	const size = 64 << 20
	proxy := startProxy(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == "/large" {
			_, _ = io.CopyN(w, zeros{}, size) // a client that breaks off makes the test fail
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	relay := startRelay(t, fmt.Sprintf("127.0.0.1:%d", proxy.port))
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}, Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 20, MaxReceiveBufferPerStream: 64 << 20},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Minute}
	do := func(t *testing.T, method, path string, body io.Reader) (n int64, text string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://"+relay+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "localhost"
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
			t.Fatalf("got %s %s, want HTTP/2 and 200", response.Proto, response.Status)
		}
		start := make([]byte, 20)
		got, err := io.ReadFull(response.Body, start)
		if err == nil {
			n, err = io.Copy(io.Discard, response.Body)
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		return n + int64(got), string(start[:got])
	}
	do(t, "GET", "/", nil) // so that no handshake is measured
	for _, test := range []struct {
		name, method, path string
		// window is the window that would be too small: HTTP/2's default if the client sends a larger one, and ours at the
		// start.
		window int
	}{
		{"a download keeps its rate", "GET", "/large", 64 << 10},
		{"an upload keeps its rate", "POST", "/", 128 << 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body io.Reader
			if test.method == "POST" {
				body = &io.LimitedReader{R: zeros{}, N: size}
			}
			start := time.Now()
			n, text := do(t, test.method, test.path, body)
			took := float64(time.Since(start)) / float64(relayRoundTrip)
			if test.method == "GET" && n != size || test.method == "POST" && text != fmt.Sprint(size) {
				t.Errorf("got %d bytes that begin with %q, want %d bytes to have passed", n, text, size)
			}
			// The margin is for a busy machine.
			if most := float64(size / test.window / 2); took > most {
				t.Errorf("got %.1f round trips, want fewer than the %.0f of a window of %d", took, most, 2*test.window)
			}
			t.Logf("%d bytes in %.1f round trips", size, took)
		})
	}
}
