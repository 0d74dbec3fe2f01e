package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// resettingBody is a body that calls reset at its first read: after the connection was chosen, and before anything is
// sent on it.
type resettingBody struct {
	*fakeBody
	reset func()
}

func (b *resettingBody) read(room []byte, wait bool) ([]byte, error) {
	if b.reset != nil {
		b.reset()
		b.reset = nil
	}
	return b.fakeBody.read(room, wait)
}

// If a kept connection is reset just before a request is written to it, the upstream has received no byte of the
// request. The request goes to a new connection, whatever its method (S-18.2).
func TestARequestThatFindsItsConnectionResetIsSentOnANewOne(t *testing.T) {
	leaks(t)
	var requests atomic.Int64
	conns := make(chan net.Conn, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, _ := io.ReadAll(r.Body) // an incomplete one differs
		_, _ = io.WriteString(w, r.Method+" "+string(body))
	}))
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateIdle {
			conns <- conn
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	call, _ := callTo(t, server.Listener.Addr().String())
	if status, body, err := call.sendAlone(getRequest("/"), nil); status != 200 || err != nil {
		t.Fatalf("got %d %q, %v", status, body, err)
	}
	idle, pooled := <-conns, call.to.pool.idle[0]
	body := &resettingBody{bodyOf("body"), func() {
		_ = idle.(*net.TCPConn).SetLinger(0)
		_ = idle.Close()
		waitFor(t, "the reset to arrive", func() bool { return !pooled.fit() })
	}}
	status, text, err := call.sendAlone(&Request{Method: "POST", Target: "/", Authority: "a.test", ContentLength: 4}, body)
	if status != 200 || text != "POST body" || err != nil {
		t.Errorf("got %d %q, %v; want the answer over a new connection", status, text, err)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("the upstream got %d requests, want 2", n)
	}
}

func TestOnlyARequestOfWhichNothingWasWrittenIsUnsent(t *testing.T) {
	for _, test := range []struct {
		name    string
		written int
		err     error
		want    bool
	}{
		{"nothing was written", 0, net.ErrClosed, true},
		{"a part was written", 1, net.ErrClosed, false},
		{"all was written", 9, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var unsent errUnsent
			if got := errors.As(unsentIf(test.written, test.err), &unsent); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
