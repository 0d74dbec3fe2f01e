package steps

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
)

// upstream is a scripted server in the suite itself: it records the exact bytes that the proxy sends and answers with
// exact bytes. One that runs as a separate process has only a name and an address.
type upstream struct {
	name, address string
	process       *process // nil for one in the suite itself
	listener      net.Listener
	closed        chan struct{}

	mu       sync.Mutex
	behave   behaviour
	greeting string // sent on a connection before any request
	requests []*received
	conns    map[net.Conn]bool // the open ones
	accepted int
	release  chan struct{} // one value lets one waiting behaviour continue
	served   sync.WaitGroup
}

// behaviour is what an upstream does with a request. It is called when the head has been read but not the body; keep
// reports whether the connection stays open for another request.
type behaviour func(c *upstreamConn, req *received) (keep bool)

// received is one request as the proxy sent it.
type received struct {
	// head is everything up to and including the empty line, byte for byte.
	head                  string
	method, target, proto string
	fields                []field
	body                  []byte // its beginning, up to keepBody
	bodyBytes             int64
	trailers              []field
	// switched is what the proxy sent after an answer of 101.
	switched []byte
	// bodyErr is why the body is incomplete.
	bodyErr error
	// done reports whether the whole body was read.
	done bool
	// conn is the number of the request's connection, counted from 1.
	conn int
	// gone is closed when the proxy has closed the connection, if the behaviour watches for that.
	gone chan struct{}
}

// field is a header or trailer field as it was written.
type field struct{ name, value string }

// keepBody is how many bytes of a body are kept for checks.
const keepBody = 1 << 20

// upstreamConn is one connection from the proxy.
type upstreamConn struct {
	net.Conn
	up     *upstream
	in     *bufio.Reader
	number int
}

// startUpstream makes an upstream listen at its reserved address. If tlsConfig is set, it uses TLS.
func (w *World) startUpstream(name string, tlsConfig *tls.Config, behave behaviour) error {
	if up, ok := w.upstreams[name]; ok {
		up.mu.Lock()
		defer up.mu.Unlock()
		up.behave = behave
		return nil
	}
	address, err := w.upstreamAddress(name)
	if err != nil {
		return err
	}
	return w.startUpstreamAt(name, address, tlsConfig, behave)
}

// startUpstreamAt makes an upstream listen at an address.
func (w *World) startUpstreamAt(name, address string, tlsConfig *tls.Config, behave behaviour) error {
	var listener net.Listener
	network, at := "tcp", address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, at = "unix", path
	}
	err := w.inNetwork(func() (err error) {
		listener, err = net.Listen(network, at)
		return err
	})
	if err != nil {
		return err
	}
	if tlsConfig != nil {
		listener = tls.NewListener(corkingListener{listener}, tlsConfig)
	}
	up := &upstream{
		name: name, address: address, listener: listener, behave: behave,
		conns: map[net.Conn]bool{}, release: make(chan struct{}), closed: make(chan struct{}),
	}
	w.upstreams[name] = up
	up.served.Go(up.accept)
	return nil
}

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.accepted++
		u.conns[conn] = true
		c := &upstreamConn{Conn: conn, up: u, in: bufio.NewReader(conn), number: u.accepted}
		u.mu.Unlock()
		u.served.Go(c.serve)
	}
}

func (c *upstreamConn) serve() {
	defer func() {
		_ = c.Close()
		c.up.mu.Lock()
		delete(c.up.conns, c.Conn)
		c.up.mu.Unlock()
	}()
	c.up.mu.Lock()
	greeting := c.up.greeting
	c.up.mu.Unlock()
	if greeting != "" {
		_, _ = io.WriteString(c, greeting)
	}
	for {
		req, err := c.readHead()
		if err != nil {
			return
		}
		c.up.mu.Lock()
		c.up.requests = append(c.up.requests, req)
		behave := c.up.behave
		c.up.mu.Unlock()
		if !behave(c, req) {
			return
		}
	}
}

// readHead reads a request line and its fields.
func (c *upstreamConn) readHead() (*received, error) {
	req := &received{conn: c.number, gone: make(chan struct{})}
	lines, err := c.readLines(&req.head)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("empty head")
	}
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is not a request line", lines[0])
	}
	req.method, req.target, req.proto = parts[0], parts[1], parts[2]
	req.fields = parseFields(lines[1:])
	return req, nil
}

// readLines reads up to an empty line, and appends the exact bytes to raw.
func (c *upstreamConn) readLines(raw *string) ([]string, error) {
	var lines []string
	for {
		line, err := c.in.ReadString('\n')
		*raw += line
		if err != nil {
			return nil, err
		}
		if line == "\r\n" || line == "\n" {
			return lines, nil
		}
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
}

func parseFields(lines []string) []field {
	var fields []field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, field{name, strings.TrimSpace(value)})
	}
	return fields
}

// readBody reads the request's whole body and its trailers.
func (c *upstreamConn) readBody(req *received) error {
	var body io.Reader
	chunked := false
	switch {
	case strings.EqualFold(value(req.fields, "Transfer-Encoding"), "chunked"):
		chunked, body = true, httputil.NewChunkedReader(c.in)
	default:
		length, _ := strconv.ParseInt(value(req.fields, "Content-Length"), 10, 64)
		body = &exactReader{from: c.in, left: length}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		c.up.mu.Lock()
		req.bodyBytes += int64(n)
		req.body = append(req.body, buf[:min(n, keepBody-len(req.body))]...)
		c.up.mu.Unlock()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.up.mu.Lock()
			req.bodyErr = err
			c.up.mu.Unlock()
			return err
		}
	}
	var trailers []field
	if chunked {
		var raw string
		lines, err := c.readLines(&raw)
		if err != nil {
			return err
		}
		trailers = parseFields(lines)
	}
	c.up.mu.Lock()
	defer c.up.mu.Unlock()
	req.trailers, req.done = trailers, true
	return nil
}

// exactReader reads that many bytes, and returns an error for an earlier end.
type exactReader struct {
	from io.Reader
	left int64
}

func (r *exactReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// value returns the first value of a field, whatever the case of its name.
func value(fields []field, name string) string {
	if all := values(fields, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// values returns all the values of a field, whatever the case of its name.
func values(fields []field, name string) []string {
	var all []string
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			all = append(all, f.value)
		}
	}
	return all
}

// received returns a copy of the requests so far.
func (u *upstream) received() []received {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := make([]received, len(u.requests))
	for i, req := range u.requests {
		list[i] = *req
	}
	return list
}

// openConns returns how many connections the proxy holds open.
func (u *upstream) openConns() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.conns)
}

// awaitRelease waits until a step releases one waiting behaviour, and returns false if the upstream ends first.
func (u *upstream) awaitRelease() bool {
	select {
	case <-u.release:
		return true
	case <-u.closed:
		return false
	}
}

// dropConnections closes all open connections, like a killed upstream.
func (u *upstream) dropConnections() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.conns {
		_ = conn.Close()
	}
}

// close ends the upstream.
func (u *upstream) close() {
	if u.listener == nil {
		return
	}
	_ = u.listener.Close()
	select {
	case <-u.closed:
	default:
		close(u.closed)
	}
	u.dropConnections()
	u.served.Wait()
}
