package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// visits are requests at a fixed rate, from a few connections in turn.
type visits struct {
	url     string
	port    int
	clients []*http.Transport
}

// visitRate is the number of visits per second, and visitors the number of connections.
const (
	visitRate = 200
	visitors  = 16
)

// newVisits returns visits of a URL through the proxy's port.
func newVisits(url string, port int) *visits {
	v := &visits{url: url, port: port}
	for i := range visitors {
		v.clients = append(v.clients, transportFrom(net.IPv4(127, 30, 0, byte(1+i)), port))
	}
	return v
}

// transportFrom returns a transport for one connection at a time to the port, from an address.
func transportFrom(from net.IP, port int) *http.Transport {
	dialer := net.Dialer{Timeout: requestTimeout, LocalAddr: &net.TCPAddr{IP: from}}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the daemon made its certificate itself
	}
}

// close ends the connections.
func (v *visits) close() {
	for _, client := range v.clients {
		client.CloseIdleConnections()
	}
}

// percentile makes visits for a while, and returns the 99th percentile of their duration. Each is measured from the
// time when it was due, so a visit that waits for another one does not look shorter.
func (v *visits) percentile(during time.Duration) (time.Duration, error) {
	count := int(during * visitRate / time.Second)
	took, failed := make([]time.Duration, count), make([]error, visitors)
	began := time.Now()
	var running sync.WaitGroup
	for i, client := range v.clients {
		running.Go(func() {
			for n := i; n < count; n += visitors {
				due := began.Add(time.Duration(n) * time.Second / visitRate)
				time.Sleep(time.Until(due))
				if err := visit(client, v.url); err != nil {
					failed[i] = err
					return
				}
				took[n] = time.Since(due)
			}
		})
	}
	running.Wait()
	slices.Sort(took)
	return took[count*99/100], errors.Join(failed...)
}

// visit makes a request that must be answered with 200.
func visit(client *http.Transport, url string) error {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	status, err := roundTrip(client, request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: got %d, want 200", url, status)
	}
	return err
}

// roundTrip sends a request, reads the answer to its end, and returns its status.
func roundTrip(client *http.Transport, request *http.Request) (int, error) {
	response, err := client.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// passwordFlood sends wrong passwords until it ends.
type passwordFlood struct {
	end     context.CancelFunc
	running sync.WaitGroup
	// begun is the number of clients that were answered, verified how often a password was found wrong, and busy how often there were
	// too many to verify.
	begun, verified, busy atomic.Int64
}

// floodConns is the number of connections of a flood from one address.
const floodConns = 32

// busyPause is how long a client of a flood waits after a 429, as Retry-After says. Without it, the flood would be one
// of requests and not of passwords.
const busyPause = 3 * time.Second

// floodPasswords starts a flood on a site from some addresses, and waits until every connection has had an answer.
func floodPasswords(ctx context.Context, url string, port, addresses int) (*passwordFlood, error) {
	ctx, end := context.WithCancel(ctx)
	f := &passwordFlood{end: end}
	conns := max(addresses, floodConns)
	for i := range conns {
		n := i % addresses
		client := transportFrom(net.IPv4(127, 40, byte(n>>8), byte(n)), port)
		f.running.Go(func() {
			defer client.CloseIdleConnections()
			f.attack(ctx, client, url, i)
		})
	}
	for deadline := time.Now().Add(time.Minute); f.begun.Load() < int64(conns); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.stop()
			return nil, fmt.Errorf("%d of %d connections of the flood were answered within a minute", f.begun.Load(), conns)
		}
	}
	return f, nil
}

// attack sends one password after the other, all different.
func (f *passwordFlood) attack(ctx context.Context, client *http.Transport, url string, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return
		}
		request.SetBasicAuth("ann", fmt.Sprint("wrong ", i, " ", n))
		status, err := roundTrip(client, request)
		if err != nil {
			continue
		}
		if n == 0 {
			f.begun.Add(1)
		}
		if status == http.StatusUnauthorized {
			f.verified.Add(1)
			continue
		}
		f.busy.Add(1)
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
		}
	}
}

// stop ends the flood.
func (f *passwordFlood) stop() {
	f.end()
	f.running.Wait()
}
