//go:build linux

// Package load is the load generator of the benchmark. It sends one kind of request over TLS, checks the status and
// length of every answer, and reads how much processor time the proxy spends meanwhile.
package load

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Kinds of load.
const (
	// H1 keeps connections open and has one request in flight on each.
	H1 = "h1"
	// H2 keeps connections open and has Streams requests in flight on each.
	H2 = "h2"
	// Handshake opens a connection for each request.
	Handshake = "handshake"
	// Idle opens connections, sends one request on each, and leaves them idle.
	Idle = "idle"
	// Page opens an HTTP/2 connection, gets a document, then all of its resources at once, and closes.
	Page = "page"
	// Tunnel opens WebSocket connections and has one message in flight on each, which the origin sends back.
	Tunnel = "tunnel"
	// Events opens connections to a stream of server-sent events, and counts the events.
	Events = "events"
)

// Job says what to do. It is passed as JSON.
type Job struct {
	// Kind is one of the kinds above.
	Kind string
	// Addr is where the proxy listens, ServerName its site.
	Addr       netip.AddrPort
	ServerName string
	// Target is the requested target; the method is POST if BodyBytes, the length of the request's body, is above 0.
	Target    string
	BodyBytes int
	// AnswerBytes is the required body length of every answer.
	AnswerBytes int
	// Resources are what a Page consists of besides its document, which is Target.
	Resources []Resource `json:",omitempty"`
	// Connections is how many connections are kept open (or used at once); Streams is the number of requests in flight
	// on each with H2. With Idle the connections use HTTP/2 if Streams is not 0, with so many requests at once.
	Connections, Streams int
	// Rate is how many requests are sent per second, or 0 for as many as are answered. Only with H1.
	Rate int
	// Warmup is the time before the measured Window. With Idle, Window is how long the connections are left idle before
	// the memory is read.
	Warmup, Window time.Duration
	// Pids are the processes of the proxy, Core the core of the load and the origin.
	Pids []int
	Core int
	// CountCalls counts the system calls of the proxy as well, which makes it slower. Not with Idle.
	CountCalls bool
}

// Resource is a part of a page, and the length of its body.
type Resource struct {
	Target string
	Bytes  int
}

// Result is what was measured in the window.
type Result struct {
	// Requests is the number of answers, of pages, of messages in both directions, or of events, and Seconds the length of the
	// window.
	Requests int
	Seconds  float64
	// ProxySeconds is the processor time of the proxy, CoreBusy the share of time in which the load's core was busy.
	ProxySeconds, CoreBusy float64
	// Calls is the number of the proxy's system calls; only if they are counted.
	Calls int64 `json:",omitempty"`
	// Latencies are percentiles, by name, in microseconds since the request was due; only with a Rate.
	Latencies map[string]float64 `json:",omitempty"`
	// BytesPerConnection is the growth of the proxy's resident memory; only with Idle.
	BytesPerConnection float64 `json:",omitempty"`
}

// Run runs a job. It ends within a few seconds after Warmup and Window, even if the proxy does not answer.
func Run(job Job) (Result, error) {
	switch job.Kind {
	case H1, H2, Tunnel, Events:
		return runLoop(job)
	case Handshake:
		request := h1Request(job)
		return runConnections(job, func(conn net.Conn, buf []byte) error { return once(conn, job, request, buf) })
	case Page:
		page := newPage(job)
		return runConnections(job, page.load)
	case Idle:
		return runIdle(job)
	}
	return Result{}, fmt.Errorf("kind: got %q, want one of h1, h2, handshake, idle, page, tunnel and events", job.Kind)
}

// fields returns the fields of each request, as a browser sends them: in the order of HTTP/1.1, with names in lower
// case for HTTP/2.
func fields() [][2]string {
	return [][2]string{
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{"accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		{"accept-language", "en-US,en;q=0.5"},
		{"accept-encoding", "gzip, deflate, br"},
		{"cookie", "session=5f0c0d3f8a7b4c1e9d2a6b8c4e1f7a90"},
	}
}

// h1Request renders the request with its body.
func h1Request(job Job) []byte { return requestWith(job) }

// requestWith renders the request with more fields, each of which ends with CRLF.
func requestWith(job Job, more ...string) []byte {
	method := "GET"
	if job.BodyBytes > 0 {
		method = "POST"
	}
	request := []byte(method + " " + job.Target + " HTTP/1.1\r\nhost: " + job.ServerName + "\r\n")
	for _, field := range fields() {
		request = append(request, field[0]+": "+field[1]+"\r\n"...)
	}
	if job.BodyBytes > 0 {
		request = append(request, "content-type: application/octet-stream\r\ncontent-length: "+
			strconv.Itoa(job.BodyBytes)+"\r\n"...)
	}
	for _, field := range more {
		request = append(request, field...)
	}
	request = append(request, "\r\n"...)
	for range job.BodyBytes {
		request = append(request, 'b')
	}
	return request
}

// percentiles returns the reported latencies by name. It sorts its argument.
func percentiles(latencies []time.Duration) map[string]float64 {
	if len(latencies) == 0 {
		return nil
	}
	slices.Sort(latencies)
	named := map[string]float64{}
	for name, share := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999} {
		at := min(int(share*float64(len(latencies))), len(latencies)-1)
		named[name] = float64(latencies[at].Nanoseconds()) / 1e3
	}
	return named
}
