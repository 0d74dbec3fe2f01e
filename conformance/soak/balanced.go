package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// balancedClients is how many clients make requests at the same time unless Clients says otherwise. Half of them speak HTTP/2.
const balancedClients = 8

// Balanced is a steady load on a site with several upstreams. Half of the requests are GETs, half POSTs.
type Balanced struct {
	// Repeatable gives POSTs an Idempotency-Key and no body, so that they may be sent again. A body that arrives after
	// its head is passed on at once, so such a request cannot be sent again.
	Repeatable bool
	// Bodiless omits the bodies of POSTs, but gives them no Idempotency-Key. They may be sent again only if they were
	// certainly not processed, and then they always can be.
	Bodiless bool
	// Clients is how many clients there are, and Pause how long each waits after an answer.
	Clients int
	Pause   time.Duration
	// Rate bounds how many requests a second all clients make together; 0 for no bound.
	Rate int

	host    string
	port    int
	wire    Wire
	dir     string
	members []*member
	next    atomic.Int64
	mu      sync.Mutex
	results []result
	// began and broken are the times between which the fault came.
	began, broken time.Time
}

// result is the result of one request.
type result struct {
	id, method string
	// http2 reports whether its client speaks HTTP/2.
	http2 bool
	// began is when it began, and took how long the answer took from when there was a connection to the proxy: after a failure a
	// client of HTTP/1.1 has to make a new one.
	began time.Time
	took  time.Duration
	// status is that of the answer, 0 for none; err is why the answer is not whole.
	status int
	err    error
}

// failed reports whether the client did not get what it has asked for.
func (r result) failed() bool { return r.status != http.StatusOK || r.err != nil }

// NewBalanced starts the upstreams of a site, of plain HTTP/1.1. Close ends them.
func NewBalanced(host string, upstreams, port int) (*Balanced, error) {
	return NewBalancedOver(Wires()[0], "", host, upstreams, port, false)
}

// NewBalancedOver starts the upstreams of a site, which are reached over the wire. The directory is for their certificates and
// sockets, and holds those of several loads; its path must be short. The first upstream has a process of its own if that is
// asked for, in which case the program has to call ServeMember as it starts. Close ends them.
func NewBalancedOver(wire Wire, dir, host string, upstreams, port int, ownProcess bool) (*Balanced, error) {
	b := &Balanced{host: host, port: port, wire: wire, Clients: balancedClients, Pause: time.Millisecond}
	if dir != "" {
		b.dir = filepath.Join(dir, host)
		if err := errors.Join(os.Mkdir(b.dir, 0o700), writeCertificates(b.dir)); err != nil {
			return nil, err
		}
	}
	for i := range upstreams {
		m := &member{wire: wire, dir: b.dir, number: i}
		if i == 0 && ownProcess {
			m.process = new(process)
		}
		if err := m.listen(); err != nil {
			b.Close()
			return nil, err
		}
		b.members = append(b.members, m)
	}
	return b, nil
}

// Close ends the upstreams.
func (b *Balanced) Close() {
	for _, m := range b.members {
		m.close()
	}
}

// Site returns the configuration of the site with some of its upstreams, and with further settings.
func (b *Balanced) Site(settings string, of ...int) string {
	var list []string
	for _, i := range of {
		list = append(list, strconv.Quote(b.members[i].address()))
	}
	return fmt.Sprintf("[[listeners.sites]]\nhost = %q\nupstreams = [%s]\n%s%s\n", b.host, strings.Join(list, ", "), b.wire.settings(caIn(b.dir)), settings)
}

// run makes requests until the context ends; those that have begun are waited for.
func (b *Balanced) run(ctx context.Context) {
	var running sync.WaitGroup
	started := time.Now()
	for i := range b.Clients {
		running.Go(func() {
			transport := b.transport(i)
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				number := b.next.Add(1)
				if b.Rate > 0 {
					wait(ctx, time.Until(started.Add(time.Duration(number)*time.Second/time.Duration(b.Rate))))
				}
				r := b.request(transport, number)
				r.http2 = i%2 == 1
				b.mu.Lock()
				b.results = append(b.results, r)
				b.mu.Unlock()
				wait(ctx, b.Pause)
			}
		})
	}
	running.Wait()
}

// transport returns the connections of one client.
func (b *Balanced) transport(i int) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(i%2 == 0)
	protocols.SetHTTP2(i%2 == 1)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 30, 0, byte(1+i))}}
	return &http.Transport{
		Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the daemon made its certificate itself
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)))
		},
	}
}

// request makes the request with a number, and waits for the end of the answer.
func (b *Balanced) request(transport *http.Transport, number int64) (got result) {
	got = result{id: strconv.FormatInt(number, 36), method: http.MethodGet, began: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var body io.Reader
	if number%2 == 0 {
		got.method = http.MethodPost
	}
	if got.method == http.MethodPost && !b.Repeatable && !b.Bodiless {
		body = strings.NewReader("the body of " + got.id)
	}
	connected := got.began
	defer func() { got.took = time.Since(connected) }()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = time.Now() }})
	r, err := http.NewRequestWithContext(ctx, got.method, "https://"+b.host+"/"+got.id, body)
	if err != nil {
		got.err = err
		return got
	}
	r.GetBody = nil // net/http must not send it again by itself
	if b.Repeatable {
		r.Header.Set("Idempotency-Key", got.id)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		got.err = err
		return got
	}
	defer response.Body.Close()
	got.status = response.StatusCode
	text, err := io.ReadAll(response.Body)
	if err == nil && got.status == http.StatusOK && string(text) != got.id {
		err = fmt.Errorf("got the answer %q to the request %s", text, got.id)
	}
	got.err = err
	return got
}

// errNoRequests is the error of a load that has made no requests.
var errNoRequests = errors.New("the load has made no requests")

// String counts the requests, once the load has ended.
func (b *Balanced) String() string {
	failed := 0
	for _, r := range b.results {
		if r.failed() {
			failed++
		}
	}
	return fmt.Sprintf("%d requests, of which %d failed", len(b.results), failed)
}
