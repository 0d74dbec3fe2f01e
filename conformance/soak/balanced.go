package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// balancedClients is how many clients make requests at the same time, half of them over HTTP/2.
const balancedClients = 8

// Balanced is a steady load on a site with several upstreams. Half of the requests are GETs, half POSTs.
type Balanced struct {
	// Repeatable gives POSTs an Idempotency-Key and no body, so that they may be sent again: a body that arrives after its head is
	// passed on at once, and cannot.
	Repeatable bool

	host    string
	port    int
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
	// began is when it was sent, and took how long the answer took.
	began time.Time
	took  time.Duration
	// status is that of the answer, 0 for none; err is why the answer is not whole.
	status int
	err    error
}

// failed reports whether the client did not get what it has asked for.
func (r result) failed() bool { return r.status != http.StatusOK || r.err != nil }

// NewBalanced starts the upstreams of a site. Close ends them.
func NewBalanced(host string, upstreams, port int) (*Balanced, error) {
	b := &Balanced{host: host, port: port}
	for range upstreams {
		m := new(member)
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
		list = append(list, strconv.Quote(b.members[i].addr))
	}
	return fmt.Sprintf("[[listeners.sites]]\nhost = %q\nupstreams = [%s]\n%s\n", b.host, strings.Join(list, ", "), settings)
}

// run makes requests until the context ends; those that have begun are waited for.
func (b *Balanced) run(ctx context.Context) {
	var running sync.WaitGroup
	for i := range balancedClients {
		running.Go(func() {
			transport := b.transport(i)
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				r := b.request(transport, b.next.Add(1))
				r.took = time.Since(r.began)
				b.mu.Lock()
				b.results = append(b.results, r)
				b.mu.Unlock()
				wait(ctx, time.Millisecond)
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
func (b *Balanced) request(transport *http.Transport, number int64) result {
	got := result{id: strconv.FormatInt(number, 36), method: http.MethodGet, began: time.Now()}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var body io.Reader
	if number%2 == 0 {
		got.method = http.MethodPost
	}
	if got.method == http.MethodPost && !b.Repeatable {
		body = strings.NewReader("the body of " + got.id)
	}
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
