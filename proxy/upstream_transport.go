package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// Bounds of the pool of each upstream.
const (
	// maxIdlePerUpstream bounds the idle connections kept to one upstream (S-6.8).
	maxIdlePerUpstream = 64
	// upstreamIdleTimeout closes a pooled connection that was not used: shorter than the keep-alive time-outs of common
	// application servers (60 s to 75 s), so that we close first.
	upstreamIdleTimeout = 50 * time.Second
	// maxResponseHeadBytes bounds an upstream's response head.
	maxResponseHeadBytes = 64 << 10
	// expectContinueWait is how long a body announced with `Expect: 100-continue` waits for the upstream's word.
	expectContinueWait = time.Second
)

// transportClient speaks to upstreams through net/http. It keeps one http.Transport, with its pool, for each upstream
// and set of time-outs, as http.Transport has its clocks for all its requests.
type transportClient struct {
	mu         sync.Mutex
	transports map[transportKey]*http.Transport
}

type transportKey struct {
	upstream, scheme        string
	connect, responseHeader time.Duration
}

func newTransportClient() *transportClient {
	return &transportClient{transports: map[transportKey]*http.Transport{}}
}

// transport returns the transport of a site, made at its first request.
func (c *transportClient) transport(site *Site) *http.Transport {
	key := transportKey{site.Upstream, site.UpstreamScheme, site.ConnectTimeout, site.RequestTimeout}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[key]; t != nil {
		return t
	}
	dial := dialer(site.ConnectTimeout)
	t := &http.Transport{
		DialContext:            dial,
		DialTLSContext:         tlsDialer(dial, site),
		DisableCompression:     true,
		MaxIdleConns:           maxIdlePerUpstream,
		MaxIdleConnsPerHost:    maxIdlePerUpstream,
		IdleConnTimeout:        upstreamIdleTimeout,
		ResponseHeaderTimeout:  site.RequestTimeout,
		ExpectContinueTimeout:  expectContinueWait,
		MaxResponseHeaderBytes: maxResponseHeadBytes,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	c.transports[key] = t
	return t
}

// keep closes the pools of sites that a reload took away.
func (c *transportClient) keep(dynamic *DynamicConfig) {
	wanted := map[transportKey]bool{}
	for _, sites := range dynamic.routes {
		for _, site := range sites {
			wanted[transportKey{site.Upstream, site.UpstreamScheme, site.ConnectTimeout, site.RequestTimeout}] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, t := range c.transports {
		if !wanted[key] {
			t.CloseIdleConnections() // requests in flight end on it
			delete(c.transports, key)
		}
	}
}

func (c *transportClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// dialFunc connects to an address.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialer connects within timeout, name resolution included.
func dialer(timeout time.Duration) dialFunc {
	d := &net.Dialer{Timeout: timeout}
	return d.DialContext
}

// tlsDialer connects and completes the TLS handshake, both within the site's connect timeout together (S-6.9). The
// certificate is verified against the system's roots with the upstream's name (S-6.8).
func tlsDialer(dial dialFunc, site *Site) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, site.ConnectTimeout)
		defer cancel()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		host, _, err := net.SplitHostPort(site.Upstream)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		secure := tls.Client(conn, &tls.Config{RootCAs: site.roots, ServerName: host, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return secure, nil
	}
}

// exchange implements upstreamClient.
func (c *transportClient) exchange(ctx context.Context, site *Site, r *Request, body *requestBody, inform func(int, Fields)) (*Response, error) {
	request := outgoing(site, r, body)
	var mu sync.Mutex // a cancelled RoundTrip can return while its goroutine still reports an interim response
	returned := false
	defer func() { mu.Lock(); returned = true; mu.Unlock() }()
	trace := &httptrace.ClientTrace{Got1xxResponse: func(status int, header textproto.MIMEHeader) error {
		if status == http.StatusSwitchingProtocols {
			return errors.New("it switched protocols without being asked")
		}
		mu.Lock()
		defer mu.Unlock()
		if !returned && status != http.StatusContinue { // the client's side sends its own when the body is read
			inform(status, fieldsOf(http.Header(header)))
		}
		return nil
	}}
	answer, err := c.transport(site).RoundTrip(request.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 200 || answer.StatusCode > 599 {
		return nil, errors.Join(fmt.Errorf("the status %d is none of a final response", answer.StatusCode), answer.Body.Close())
	}
	response := &Response{
		Status:        answer.StatusCode,
		Fields:        fieldsOf(answer.Header),
		ContentLength: answer.ContentLength,
		Body:          answer.Body,
		Trailers:      func() Fields { return fieldsOf(answer.Trailer) },
	}
	response.Fields.Remove(func(f Field) bool { return strings.EqualFold(f.Name, "Content-Length") })
	for name := range answer.Trailer {
		response.TrailerNames = append(response.TrailerNames, name)
	}
	return response, nil
}

// outgoing makes the request that is sent to the site's upstream.
func outgoing(site *Site, r *Request, body *requestBody) *http.Request {
	request := &http.Request{
		Method:        r.Method,
		URL:           targetURL(site, r.Target),
		Host:          r.Authority,
		Header:        headerOf(r.Fields),
		ContentLength: r.ContentLength,
		Proto:         "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if _, ok := request.Header["User-Agent"]; !ok {
		request.Header["User-Agent"] = []string{""} // net/http's way to send none
	}
	if body == nil {
		return request
	}
	if len(r.TrailerNames) > 0 {
		request.Trailer = http.Header{}
		for _, name := range r.TrailerNames {
			if !forbiddenTrailer(Field{Name: name}) {
				request.Trailer[http.CanonicalHeaderKey(name)] = nil
			}
		}
	}
	request.Body = &outgoingBody{requestBody: body, request: r, trailer: request.Trailer}
	return request
}

// outgoingBody hands the client's trailers over when the body has come to its end, which is when http.Transport reads
// them.
type outgoingBody struct {
	*requestBody
	request *Request
	trailer http.Header
}

func (b *outgoingBody) Read(p []byte) (int, error) {
	n, err := b.requestBody.Read(p)
	if err == io.EOF && b.trailer != nil && b.request.Trailers != nil {
		for _, field := range b.request.Trailers() {
			if name := http.CanonicalHeaderKey(field.Name); !forbiddenTrailer(field) {
				b.trailer[name] = append(b.trailer[name], field.Value)
			}
		}
	}
	return n, err
}

// Close does nothing: the client's side owns the body, and may still have to read what is left of it.
func (b *outgoingBody) Close() error { return nil }

// targetURL makes the URL that http.Transport writes as target, byte for byte (S-6.6).
func targetURL(site *Site, target string) *url.URL {
	u := &url.URL{Scheme: site.UpstreamScheme, Host: site.Upstream, Opaque: target}
	if strings.HasPrefix(target, "//") {
		// net/url takes an opaque part that begins with two slashes for an authority; as a path it is written as it is
		// when its escapes are valid, which the server's side has checked.
		path, query, hasQuery := strings.Cut(target, "?")
		u.Opaque, u.RawPath, u.RawQuery, u.ForceQuery = "", path, query, hasQuery
		if decoded, err := url.PathUnescape(path); err == nil {
			u.Path = decoded
		}
	}
	return u
}

// headerOf turns fields into net/http's map.
func headerOf(fields Fields) http.Header {
	header := make(http.Header, len(fields)+1)
	for _, field := range fields {
		name := http.CanonicalHeaderKey(field.Name)
		header[name] = append(header[name], field.Value)
	}
	return header
}

// fieldsOf turns net/http's map into fields; lines of one name keep their order.
func fieldsOf(header http.Header) Fields {
	fields := make(Fields, 0, len(header)+4)
	for name, values := range header {
		for _, value := range values {
			fields.Add(name, value)
		}
	}
	return fields
}
