package proxy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/limit"
)

// endedClient is the client of an exchange that ends before there is a response.
type endedClient struct {
	fakeClient
	exchange *exchange
	// during is called in the middle of an interim response, unless it is nil.
	during func()
	// interrupted reports whether writes to the client fail. early reports whether the exchange's goroutine could have seen
	// the end before Interrupt was called.
	interrupted, early bool
}

func (c *endedClient) Inform(status int, reason string, fields Fields) error {
	if c.during != nil {
		c.during()
	}
	return c.fakeClient.Inform(status, reason, fields)
}

func (c *endedClient) Interrupt(writing bool) {
	c.interrupted = c.interrupted || writing
	if c.exchange.call.mu.TryLock() {
		c.early = true
		c.exchange.call.mu.Unlock()
	}
}

func (c *endedClient) Resume() { c.interrupted = false }

// endedExchange returns an exchange that waits for its upstream.
func endedExchange(p *testPipeline) (*exchange, *endedClient) {
	x := &exchange{log: p.pipeline.log, dates: new(dateText)}
	client := &endedClient{exchange: x}
	x.reset(&Request{Method: "GET"}, client, &deadline.Timer{Sweeper: deadline.NewSweeper(), Owner: x}, 0)
	x.timer.Set(deadline.PhaseUpstream, time.Minute)
	return x, client
}

// TestEndingAnExchangeDoesNotInterruptItsErrorResponse ends exchanges that wait for their upstream. Such an exchange answers
// as soon as it sees the end, and nothing may interrupt that response.
func TestEndingAnExchangeDoesNotInterruptItsErrorResponse(t *testing.T) {
	expire := func(x *exchange) { x.timer.Check(int64(time.Hour)) }
	giveWay := func(x *exchange) { x.GiveWay(limit.GaveWay{}) }
	for _, tt := range []struct {
		name   string
		end    func(x *exchange)
		status int
	}{
		{"the time of the upstream is over", expire, 504},
		{"another client needs the place", giveWay, 503},
	} {
		p := newTestPipeline(t)
		expectAnswer := func(t *testing.T, x *exchange, client *endedClient) {
			t.Helper()
			x.send(p.forwardFailed(x, x.cancelled()))
			if client.early {
				t.Error("the exchange could see its end before Interrupt was called")
			}
			if client.interrupted || client.status != tt.status || x.abort {
				t.Errorf("got interrupted: %v, cut: %v, and the status %d; want the whole answer %d", client.interrupted, x.abort, client.status, tt.status)
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			x, client := endedExchange(p)
			tt.end(x)
			expectAnswer(t, x, client)
		})
		t.Run(tt.name+" in the middle of an interim response", func(t *testing.T) {
			x, client := endedExchange(p)
			client.during = func() {
				if tt.end(x); !client.interrupted {
					t.Error("got an interim response that is not interrupted")
				}
			}
			x.inform(103, "", nil)
			expectAnswer(t, x, client)
			if x.inform(103, "", nil); len(client.interim) != 1 {
				t.Errorf("got the interim responses %v, want none after the end", client.interim)
			}
		})
	}
}

// TestADeadlineThatTheExchangeHasSettledHasNoEffect has the deadline pass when the upstream has already failed.
func TestADeadlineThatTheExchangeHasSettledHasNoEffect(t *testing.T) {
	p := newTestPipeline(t)
	x, client := endedExchange(p)
	x.timer.End() // the sweeper is about to call Expire
	refused := p.forwardFailed(x, errors.New("connection refused"))
	x.Expire(deadline.PhaseUpstream)
	x.send(refused)
	if cause := x.cancelled(); cause != nil || client.interrupted || client.status != 502 {
		t.Errorf("got the cause %v, interrupted: %v, and the status %d; want the answer 502", cause, client.interrupted, client.status)
	}
}

// TestADeadlineThatPassesAsTheResponseArrivesIsAnswered has the deadline pass just before the response is
// passed on.
func TestADeadlineThatPassesAsTheResponseArrivesIsAnswered(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"a response", okResponse},
		{"a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTestPipeline(t)
			p.answer = tt.answer
			x := new(exchange)
			client := &switchingClient{endedClient: endedClient{exchange: x}}
			p.before = func() { x.timer.End() } // the sweeper is about to call Expire
			request := getRequest("/")
			request.Upgrade = "x"
			x.reset(request, client, &deadline.Timer{Owner: x, Sweeper: deadline.NewSweeper()}, 0)
			p.handle(x)
			if client.status != 504 || x.abort || client.interrupted {
				t.Errorf("got the status %d, cut: %v, interrupted: %v; want the answer 504", client.status, x.abort, client.interrupted)
			}
			if err := p.pipeline.log.Close(); err != nil {
				t.Fatal(err)
			}
			if log := p.log.String(); !strings.Contains(log, "UPSTREAM_ERROR") || !strings.Contains(log, "upstream_request_timeout_secs") {
				t.Errorf("got the log %q, want an UPSTREAM_ERROR that names the key", log)
			}
		})
	}
}

// switchingClient is a client that may switch protocols.
type switchingClient struct{ endedClient }

func (*switchingClient) checkSwitch(Fields) error { return nil }
func (*switchingClient) switchProtocol(string, Fields, string, []byte) (io.ReadWriter, []byte, error) {
	return nil, nil, errors.New("the protocol was switched")
}
