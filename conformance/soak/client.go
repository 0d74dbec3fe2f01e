package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// errLeft is returned for a request that its client gave up as planned.
var errLeft = errors.New("the client has left")

// mixedUp is an answer to another request: the worst failure, which nothing excuses.
type mixedUp struct{ error }

// requestTimeout is how long a request may take before it counts as lost.
const requestTimeout = time.Minute

// resetsPerConn is how many streams a client resets on one HTTP/2 connection: fewer than make the proxy end it (S-12.5).
const resetsPerConn = 100

// client makes requests from its own address, over HTTP/1.1 or HTTP/2.
type client struct {
	load  *Load
	local net.Addr
	http2 bool

	mu        sync.Mutex
	transport *http.Transport
	resets    int
}

func newClient(l *Load, i int, http2 bool) *client {
	c := &client{load: l, local: &net.TCPAddr{IP: net.IPv4(127, 20, 0, byte(1+i))}, http2: http2}
	c.renew()
	return c
}

// renew gives the client new connections. The caller holds mu, or the client is not in use yet.
func (c *client) renew() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
	var protocols http.Protocols
	protocols.SetHTTP1(!c.http2)
	protocols.SetHTTP2(c.http2)
	dialer := net.Dialer{Timeout: requestTimeout, LocalAddr: c.local}
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", c.load.port))
		},
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // the daemon made its certificate itself
		Protocols:          &protocols,
		DisableCompression: true,
	}
	c.resets = 0
}

// close ends the client's connections.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.CloseIdleConnections()
}

// over returns the transport for the next request, a new one if the client has reset enough streams on its connection.
func (c *client) over(p plan) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http2 && p.leave != stays {
		if c.resets++; c.resets > resetsPerConn {
			c.renew()
		}
	}
	return c.transport
}

// request makes request n and checks its answer.
func (c *client) request(n int, p plan) error {
	identity := c.load.ids.text(n)
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var hints textproto.MIMEHeader
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, fields textproto.MIMEHeader) error {
		hints = fields
		return nil
	}}
	if p.leave == leavesBeforeAnswer {
		trace.WroteRequest = func(httptrace.WroteRequestInfo) { cancel() }
	}
	r, err := newRequest(httptrace.WithClientTrace(ctx, trace), identity, p)
	if err != nil {
		return err
	}
	response, err := c.over(p).RoundTrip(r)
	if err != nil {
		return leftOr(p, err)
	}
	defer response.Body.Close()
	if err := checkHead(response, hints, identity, p); err != nil {
		return err
	}
	if p.leave == leavesInAnswer {
		_, _ = io.CopyN(io.Discard, response.Body, int64(p.answer/2)) // it leaves whether or not this arrives
		return errLeft
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return leftOr(p, err)
	}
	return checkRest(response, body, identity, p)
}

// leftOr returns errLeft if the plan was that the client gives up, else err.
func leftOr(p plan, err error) error {
	if p.leave != stays {
		return errLeft
	}
	return err
}

// newRequest makes the request of a plan.
func newRequest(ctx context.Context, identity string, p plan) (*http.Request, error) {
	var body io.Reader
	if p.body > 0 {
		content := bytes.NewReader(appendBody(nil, identity, p.body))
		body = content
		if p.leave == leavesInRequest {
			body = io.MultiReader(io.LimitReader(content, int64(p.body/2)), broken{})
		} else if p.chunked {
			body = struct{ io.Reader }{content} // hides the length from net/http
		}
	}
	r, err := http.NewRequestWithContext(ctx, p.method, "https://"+p.host+"/a/"+identity+"?"+identity, body)
	if err != nil {
		return nil, err
	}
	if !p.chunked && p.body > 0 {
		r.ContentLength = int64(p.body)
	}
	r.Header.Set("X-Identity", identity)
	r.Header.Set("Cookie", identity)
	r.Header.Set("Authorization", "Bearer "+identity)
	return r, nil
}

// broken is the rest of a body that the client does not send.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errLeft }

// checkHead checks the heads of an answer.
func checkHead(response *http.Response, hints textproto.MIMEHeader, identity string, p plan) error {
	got := response.Header.Get("X-Identity")
	if got == "" && response.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s", response.Status)
	}
	for _, got := range []string{got, response.Header.Get("Set-Cookie")} {
		if got != identity {
			return mixedUp{fmt.Errorf("got an answer to %q, want one to %q", got, identity)}
		}
	}
	if got := hints.Get("X-Identity"); p.hints && got != identity {
		return mixedUp{fmt.Errorf("got the 103 of %q, want that of %q", got, identity)}
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s", response.Status)
	}
	return nil
}

// checkRest checks the body and the trailers.
func checkRest(response *http.Response, body []byte, identity string, p plan) error {
	want := p.answer
	if p.method == http.MethodHead {
		want = 0
	}
	if err := checkBody(body, identity, want); err != nil {
		return mixedUp{err}
	}
	if got := response.Trailer.Get("X-Trailing-Identity"); p.trailer && got != identity {
		return mixedUp{fmt.Errorf("got the trailer of %q, want that of %q", got, identity)}
	}
	return nil
}
