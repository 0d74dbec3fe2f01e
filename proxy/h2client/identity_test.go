package h2client

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"reverse-proxy/proxy/http2"
)

// identityServer answers each request with its path and its body, from net/http.
func identityServer(t *testing.T) string {
	t.Helper()
	return h2cServer(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Path", r.URL.Path)
		w.Header().Set("Trailer", "X-End")
		_, _ = io.WriteString(w, r.URL.Path+":")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-End", r.URL.Path)
	})})
}

// h2cServer starts the server for HTTP/2 without TLS, and returns its address.
func h2cServer(t *testing.T, server *http.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server.ReadHeaderTimeout, server.Protocols = time.Minute, new(http.Protocols)
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() {
		_ = server.Serve(listener) // returns after Close, which is not an error
		close(served)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// TestManyRequestsOnOneConnectionAreNotMixedUp sends 20,000 requests with an identity in every part, a hundred at a time.
func TestManyRequestsOnOneConnectionAreNotMixedUp(t *testing.T) {
	leaks(t)
	conn, err := net.Dial("tcp", identityServer(t))
	if err != nil {
		t.Fatal(err)
	}
	c := New(conn)
	defer c.Close()
	<-c.greeting
	var all sync.WaitGroup
	for worker := range 100 {
		all.Go(func() {
			for n := range 200 {
				if err := identify(c, fmt.Sprintf("/%d/%d", worker, n), worker%7*1000); err != nil {
					t.Errorf("%d/%d: %v", worker, n, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// identify sends one request, with a body of the given length, and checks its response.
func identify(c *Conn, path string, length int) error {
	s := streamOf(c)
	if s == nil {
		return fmt.Errorf("no stream: %v", c.Err())
	}
	defer s.Close()
	if err := s.Begin(head{"POST", path}, length == 0, false); err != nil {
		return err
	}
	want := path + ":"
	if length > 0 {
		sent := fmt.Sprintf("%0*d", length, len(path))
		want += sent
		if _, err := s.Write([]byte(sent), true); err != nil {
			return err
		}
	}
	head, err := s.ReadHead()
	if err != nil {
		return err
	}
	if got := head.Fields.Get("x-path"); got != path {
		return fmt.Errorf("got the head of %s", got)
	}
	if text, err := body(s); text != want || err != nil {
		return fmt.Errorf("got %.40q, %v; want %.40q", text, err, want)
	}
	if got := s.Trailers().Get("x-end"); got != path {
		return fmt.Errorf("got the trailers of %s", got)
	}
	return nil
}

// replies answers every request on a connection with the same bytes. It makes no allocations.
func replies(t *testing.T, conn net.Conn) {
	settings := http2.AppendSettings(nil)
	_, _ = conn.Write(settings)
	buffer, start, end := make([]byte, 64<<10), 0, 0
	for end < len(http2.Preface) {
		n, err := conn.Read(buffer[end:])
		if err != nil {
			return
		}
		end += n
	}
	start = len(http2.Preface)
	var out []byte
	for {
		for end-start >= http2.HeaderBytes {
			h, _ := http2.ParseHeader(buffer[start:])
			if end-start < http2.HeaderBytes+h.Length {
				break
			}
			start += http2.HeaderBytes + h.Length
			if h.Type == http2.TypeHeaders {
				out = append(out[:0], 0, 0, 1, 1, 4, byte(h.Stream>>24), byte(h.Stream>>16), byte(h.Stream>>8), byte(h.Stream), 0x88)
				out = http2.AppendData(out, h.Stream, []byte("hello"), true)
				_, _ = conn.Write(out)
			}
		}
		end = copy(buffer, buffer[start:end])
		start = 0
		n, err := conn.Read(buffer[end:])
		if err != nil {
			return
		}
		end += n
	}
}

func TestARequestAllocatesNothingInSteadyState(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	leaks(t)
	ours, theirs := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { replies(t, theirs) })
	c := New(ours)
	defer func() { c.Close(); _ = theirs.Close(); serving.Wait() }()
	var request Head = head{"GET", "/"}
	send := func() {
		s := streamOf(c)
		if err := s.Begin(request, true, false); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ReadHead(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := s.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
	}
	for range 1000 {
		send()
	}
	if allocs := testing.AllocsPerRun(1000, send); allocs > 0 {
		t.Errorf("got %v allocations for a request, want 0", allocs)
	}
}
