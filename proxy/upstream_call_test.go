package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/share"
)

// lonelyOwner makes calls without a client. It records what they tell it.
type lonelyOwner struct {
	interim         []int
	bodies, stopped atomic.Int32
}

func (o *lonelyOwner) inform(status int, _ string, _ Fields) { o.interim = append(o.interim, status) }
func (o *lonelyOwner) stopBody()                             { o.bodies.Add(1) }
func (o *lonelyOwner) placed()                               {}
func (o *lonelyOwner) acknowledged() (uint64, bool)          { return 0, false }
func (o *lonelyOwner) stop()                                 { o.stopped.Add(1) }

// callTo makes a call to the address ready, for a request that no client has sent.
func callTo(t *testing.T, address string) (*upstreamCall, *lonelyOwner) {
	all := newUpstreams(10)
	t.Cleanup(all.close)
	to := siteTo("a", address, "http")
	to.config.ConnectTimeout, to.config.RequestTimeout = time.Minute, time.Minute
	owner := &lonelyOwner{}
	return &upstreamCall{owner: owner, to: all.target(to, 0)}, owner
}

// sendAlone makes the call with the request, and returns the status and the body of the response.
func (c *upstreamCall) sendAlone(r *Request, source bodySource) (status int, body string, err error) {
	c.prepareAlone(r, source)
	conn, err := c.roundTrip()
	if err != nil {
		return 0, "", err
	}
	return c.receiveAlone(conn)
}

// prepareAlone prepares the call for a request.
func (c *upstreamCall) prepareAlone(r *Request, source bodySource) {
	timer, sent := &deadline.Timer{Sweeper: deadline.NewSweeper()}, &requestBody{}
	sent.reset()
	sent.timedBy(timer, time.Minute)
	if source != nil {
		sent.begin(source, 1<<20)
		r.Body = source
	}
	to := c.to
	c.reset(c.owner, r, sent, timer)
	c.to = to
}

// receiveAlone reads the rest of a response, and returns its status and its body.
func (c *upstreamCall) receiveAlone(conn *upstreamConn) (status int, body string, err error) {
	status = conn.head.Status
	conn.body.begin(conn.upstreamResponse, c.request.Method)
	for {
		data, err := conn.body.next()
		body += string(data)
		if err == io.EOF {
			c.giveBack(conn)
			c.releaseResponse()
			return status, body, nil
		}
		if err != nil {
			c.release(conn)
			return status, body, err
		}
	}
}

// TestACallNeedsNoExchange makes calls as a health check or a retry would: without an exchange and without a client.
func TestACallNeedsNoExchange(t *testing.T) {
	leaks(t)
	upstream := scriptedUpstream(t, nil, func(n int, r *bufio.Reader, conn net.Conn) {
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\n")
			body, _ := io.ReadAll(request.Body)
			answer := fmt.Sprintf("%d:%s %s %s", n, request.Method, request.RequestURI, body)
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		}
	})
	call, owner := callTo(t, upstream)
	for _, test := range []struct {
		request *Request
		body    bodySource
		want    string
	}{
		{&Request{Method: "GET", Target: "/health", Authority: "a.test"}, nil, "1:GET /health "},
		{&Request{Method: "POST", Target: "/", Authority: "a.test", ContentLength: 4}, bodyOf("body"), "1:POST / body"},
		{&Request{Method: "PUT", Target: "/", Authority: "a.test", ContentLength: -1}, &fakeBody{parts: []string{"la", "ter"}, err: io.EOF}, "1:PUT / later"},
	} {
		status, body, err := call.sendAlone(test.request, test.body)
		if status != 200 || body != test.want || err != nil {
			t.Errorf("got %d %q, %v; want 200 %q on a connection that is used again", status, body, err, test.want)
		}
	}
	if !slices.Equal(owner.interim, []int{103, 103, 103}) || owner.bodies.Load() != 0 || owner.stopped.Load() != 0 {
		t.Errorf("the owner got %v, bodies stopped %d times, stopped %d times; want only the interim responses", owner.interim, owner.bodies.Load(), owner.stopped.Load())
	}
	if idle, used := call.to.pool.sizes(); idle != 1 || used != 0 {
		t.Errorf("got %d idle and %d used connections, want the one given back", idle, used)
	}
}

// TestACallThatIsCancelledEnds ends calls whose upstream never answers, from another goroutine.
func TestACallThatIsCancelledEnds(t *testing.T) {
	cause := &shareError{limit: share.OfUpstream, held: 2, of: 1}
	for name, test := range map[string]struct {
		end func(c *upstreamCall)
		// stops is how often the owner is stopped. It is 0 if the owner itself has caused the cancellation.
		stops int32
	}{
		"its owner cancels it":                              {func(c *upstreamCall) { c.cancel(cause) }, 0},
		"others need its place":                             {func(c *upstreamCall) { uses, _ := c.to.pool.holders(nil, nil); uses[0].end(cause) }, 1},
		"it is cancelled twice, and the first cause counts": {func(c *upstreamCall) { c.cancel(cause); c.cancel(errClientGone) }, 0},
		"it is cancelled before it has begun":               {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t)
			asked := make(chan struct{}, 1)
			upstream := scriptedUpstream(t, nil, func(_ int, r *bufio.Reader, conn net.Conn) {
				if _, err := readHead(r); err == nil {
					asked <- struct{}{}
				}
				_, _ = r.ReadByte() // until the call closes the connection
			})
			call, owner := callTo(t, upstream)
			if test.end == nil {
				call.reset(owner, getRequest("/"), &requestBody{}, &deadline.Timer{Sweeper: deadline.NewSweeper()})
				call.cancel(cause)
				if conn, err := call.roundTrip(); !errors.Is(err, context.Canceled) || conn != nil {
					t.Errorf("got %v, %v; want a call that does not even dial", conn, err)
				}
			} else {
				done := make(chan error)
				go func() {
					_, _, err := call.sendAlone(getRequest("/"), nil)
					done <- err
				}()
				<-asked
				test.end(call)
				if err := <-done; err == nil {
					t.Error("got a response, want the error of an interrupted read")
				}
			}
			if got := call.cancelled(); got != error(cause) || owner.stopped.Load() != test.stops {
				t.Errorf("got the cause %v, and the owner stopped %d times; want %v, %d times", got, owner.stopped.Load(), cause, test.stops)
			}
			if idle, used := call.to.pool.sizes(); idle != 0 || used != 0 || call.out != nil {
				t.Errorf("got %d idle and %d used connections, and the buffer %v; want nothing kept", idle, used, call.out != nil)
			}
		})
	}
}
