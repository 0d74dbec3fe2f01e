package steps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"
)

// request is a client's request in a scenario. Zero values give a GET by the nameless client.
type request struct {
	method, url string
	proto       string // "HTTP/1.1" or "HTTP/2"; "" for the default of the scenario
	client      string // each client has its own connections and address
	certificate string // the name of the certificate that the client shows; "" for none
	sni         string // the server name; "" for the URL's, "none" for no name
	listener    int    // 1 for the first; 0 for the one that serves the URL's host
	header      []field
	body        io.Reader
	length      int64 // of the body; -1 to send it in chunks
	trailer     []field
	unverified  bool // accepts any certificate
}

// exchange is a request and, later, its answer.
type exchange struct {
	request request
	cancel  context.CancelFunc
	// head is closed when the answer's head has arrived or the request has failed, done when everything has ended.
	head, done chan struct{}
	// connected is closed when the request has a connection.
	connected   chan struct{}
	onConnected sync.Once

	mu      sync.Mutex
	status  int
	proto   string
	header  http.Header
	trailer http.Header
	body    []byte // its beginning, up to keepBody
	size    int64
	sum     hash.Hash
	hints   []string // the fields of 1xx answers, as `103 Name: value`
	err     error    // why there is no complete answer
	headErr error
	tls     *tls.ConnectionState
	kept    bool // the request used a connection that had served another one
	started time.Time
	ended   time.Time
}

// transport makes one client's connections.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// send starts a request without waiting for it.
func (w *World) send(r request) (*exchange, error) {
	begin, err := w.repeater(r)
	if err != nil {
		return nil, err
	}
	return begin(), nil
}

// repeater returns a function that starts the request again at each call. It may be called from any goroutine, unless
// the request has a body.
func (w *World) repeater(r request) (func() *exchange, error) {
	scheme, rest, ok := strings.Cut(r.url, "://")
	if !ok {
		return nil, fmt.Errorf("%q is not a URL", clip(r.url))
	}
	host, target := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	if r.proto == "" && scheme == "https" {
		r.proto = w.protocol
	}
	transport, err := w.transport(r, scheme, host)
	if err != nil {
		return nil, err
	}
	return func() *exchange {
		ctx, cancel := context.WithTimeout(w.ctx, 2*patience)
		x := newExchange()
		x.request, x.cancel, x.started = r, cancel, time.Now()
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: x.hint, GotConn: x.gotConn})
		go x.run(transport, r.message(scheme, host, target).WithContext(ctx))
		return x
	}, nil
}

func newExchange() *exchange {
	return &exchange{
		head: make(chan struct{}), done: make(chan struct{}), connected: make(chan struct{}), sum: sha256.New(),
	}
}

// message renders the request for net/http.
func (r request) message(scheme, host, target string) *http.Request {
	req := &http.Request{
		Method: r.method, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		// An opaque URL sends the target unchanged.
		URL: &url.URL{Scheme: scheme, Host: host, Opaque: target},
	}
	if strings.HasPrefix(target, "//") {
		req.URL = &url.URL{Scheme: scheme, Host: host, Path: target}
	}
	for _, f := range r.header {
		if strings.EqualFold(f.name, "Host") {
			req.Host = f.value
			continue
		}
		name := f.name
		if r.proto == "HTTP/2" {
			name = keyOf(req.Header, name)
		}
		req.Header[name] = append(req.Header[name], f.value)
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = nil // keeps net/http from adding its own
	}
	if r.body != nil {
		body, ok := r.body.(io.ReadCloser)
		if !ok {
			body = io.NopCloser(r.body)
		}
		req.Body, req.ContentLength = body, r.length
	}
	for _, f := range r.trailer {
		if req.Trailer == nil {
			req.Trailer = http.Header{}
		}
		req.Trailer.Add(f.name, f.value)
	}
	return req
}

// keyOf returns the spelling in which a header already has a name; the name itself if it has none. Over HTTP/2, net/http sends
// the keys in any order, so lines whose order matters must have one key.
func keyOf(header http.Header, name string) string {
	for key := range header {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return name
}

// run performs the exchange.
func (x *exchange) run(t transport, req *http.Request) {
	defer close(x.done)
	defer x.cancel()
	resp, err := t.RoundTrip(req)
	if err == nil && x.request.proto == "HTTP/2" && resp.ProtoMajor != 2 {
		_ = resp.Body.Close()
		err = fmt.Errorf("got the answer %d over %s, want it over HTTP/2", resp.StatusCode, resp.Proto)
	}
	x.mu.Lock()
	if err != nil {
		x.err, x.headErr, x.ended = err, err, time.Now()
		x.mu.Unlock()
		close(x.head)
		return
	}
	x.status, x.proto, x.header, x.tls = resp.StatusCode, resp.Proto, resp.Header, resp.TLS
	x.mu.Unlock()
	close(x.head)
	x.readBody(resp.Body)
	_ = resp.Body.Close()
	x.mu.Lock()
	x.trailer, x.ended = resp.Trailer, time.Now()
	x.mu.Unlock()
}

// readBody collects the answer's body as it arrives.
func (x *exchange) readBody(body io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		x.mu.Lock()
		x.size += int64(n)
		x.sum.Write(buf[:n])
		x.body = append(x.body, buf[:min(n, keepBody-len(x.body))]...)
		if err != nil && err != io.EOF {
			x.err = err
		}
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *exchange) hint(code int, header textproto.MIMEHeader) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, values := range header {
		for _, value := range values {
			x.hints = append(x.hints, fmt.Sprintf("%d %s: %s", code, name, value))
		}
	}
	return nil
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.mu.Lock()
	x.kept = info.Reused
	x.mu.Unlock()
	x.onConnected.Do(func() { close(x.connected) }) // a retried request has another connection
}

// wait waits for the end of the exchange, whether or not it succeeds.
func (x *exchange) wait() error {
	select {
	case <-x.done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s %s has not ended within %v", x.request.method, clip(x.request.url), patience)
	}
}

// transport returns the connections of the request's client, which later requests use again.
func (w *World) transport(r request, scheme, host string) (transport, error) {
	address, err := w.dialAddress(scheme, host, r.listener)
	if err != nil {
		return nil, err
	}
	key := strings.Join([]string{r.client, r.proto, r.sni, r.certificate, address, fmt.Sprint(r.unverified), w.preludes[r.client]}, "|")
	if t, ok := w.transports[key]; ok {
		return t, nil
	}
	name := r.sni
	if name == "" {
		name = hostOnly(host)
	}
	config := w.clientTLS(name, r.unverified)
	if err := w.showCertificate(config, r.certificate); err != nil {
		return nil, err
	}
	t := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	switch r.proto {
	case "", "HTTP/1.1":
		config.NextProtos = []string{"http/1.1"}
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	case "HTTP/2":
		config.NextProtos = []string{"h2"}
		t.ForceAttemptHTTP2 = true
	default:
		return nil, fmt.Errorf("%q is not a protocol of the suite's client; HTTP/1.1 and HTTP/2 are", r.proto)
	}
	from, prelude := w.clientAddress(r.client), w.preludes[r.client]
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := w.dialFrom(ctx, from, address)
		return sendPrelude(prelude, conn, err)
	}
	t.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := w.dialFrom(ctx, from, address)
		conn, err = sendPrelude(prelude, conn, err)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
	w.transports[key] = t
	return t, nil
}

// dialer returns a dialer that connects from the client's address.
func (w *World) dialer(client string) *net.Dialer {
	return &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(w.clientAddress(client))}}
}

// clientTLS returns the configuration of a client that sends that server name, or none for "none".
func (w *World) clientTLS(name string, unverified bool) *tls.Config {
	config := &tls.Config{ServerName: name, RootCAs: w.suite.ca.pool, InsecureSkipVerify: unverified}
	if name != "none" {
		return config
	}
	// crypto/tls requires a name unless verification is off, so the chain is verified here.
	config.ServerName, config.InsecureSkipVerify = "", true
	if !unverified {
		config.VerifyConnection = func(state tls.ConnectionState) error {
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: w.suite.ca.pool})
			return err
		}
	}
	return config
}

// showCertificate makes a client present the certificate of that name when it is asked for one, whichever CAs the
// server names.
func (w *World) showCertificate(config *tls.Config, name string) error {
	if name == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(w.certPath(name), w.keyPath(name))
	if err != nil {
		return err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}

// dialAddress returns the address for a URL: an explicit port is kept; else it is the port of the listener with the
// host's site, or of the first listener.
func (w *World) dialAddress(scheme, host string, listener int) (string, error) {
	if _, port, err := net.SplitHostPort(host); err == nil && net.ParseIP(hostOnly(host)) != nil {
		return net.JoinHostPort(hostOnly(host), port), nil
	}
	if listener == 0 {
		listener = 1
		for i, table := range tables(w.config.root, "listeners") {
			for _, site := range tables(table, "sites") {
				if site["host"] == strings.ToLower(hostOnly(host)) {
					listener = i + 1
				}
			}
		}
	}
	list := tables(w.config.root, "listeners")
	if listener > len(list) {
		return "", fmt.Errorf("there is no listener %d", listener)
	}
	key := map[string]string{"https": "https_port", "http": "http_port"}[scheme]
	if key == "" {
		return "", fmt.Errorf("%q is not a scheme of the suite's client; http and https are", scheme)
	}
	return net.JoinHostPort(bindAddrs(list[listener-1])[0], fmt.Sprint(list[listener-1][key])), nil
}

// hostOnly strips the port and the brackets of a host.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// clip shortens a text for an error message.
func clip(text string) string {
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}

// fillBody gives the request a body of text.
func (r *request) fillBody(text string) {
	r.body, r.length = bytes.NewReader([]byte(text)), int64(len(text))
}

// failure returns the error of an exchange, which must have failed.
func (x *exchange) failure() error {
	if err := x.wait(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		return fmt.Errorf("got the whole answer %d, want a failure", x.status)
	}
	return nil
}
