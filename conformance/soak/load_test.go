package soak

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestALoadFindsWhatAProxyDoesWrong puts proxies under load that make one mistake each, to show that a load without
// findings proves something.
func TestALoadFindsWhatAProxyDoesWrong(t *testing.T) {
	type mistake func(p *httputil.ReverseProxy)
	for _, test := range []struct {
		name    string
		mistake mistake
		want    string
	}{
		{"nothing is wrong", func(*httputil.ReverseProxy) {}, ""},
		{"a request gets the field of another one", func(p *httputil.ReverseProxy) {
			swap := lastOf()
			rewrite := p.Rewrite
			p.Rewrite = func(r *httputil.ProxyRequest) {
				rewrite(r)
				r.Out.Header.Set("Cookie", swap(r.Out.Header.Get("Cookie")))
			}
		}, "got Cookie"},
		{"a request gets the answer to another one", func(p *httputil.ReverseProxy) {
			swap := lastOf()
			p.ModifyResponse = func(r *http.Response) error {
				r.Header.Set("X-Identity", swap(r.Header.Get("X-Identity")))
				return nil
			}
		}, "got an answer to"},
		{"a body breaks off cleanly", func(p *httputil.ReverseProxy) {
			p.ModifyResponse = func(r *http.Response) error {
				r.Header.Del("Content-Length")
				r.ContentLength = -1
				r.Body = io.NopCloser(io.LimitReader(r.Body, 10))
				return nil
			}
		}, "got a body of 10 bytes"},
		{"a request gets no answer", func(p *httputil.ReverseProxy) {
			p.ModifyResponse = func(*http.Response) error { return io.ErrUnexpectedEOF }
		}, "got 502"},
		{"a request is sent twice", func(p *httputil.ReverseProxy) { p.Transport = twice{http.DefaultTransport} }, "got it 2 times"},
	} {
		t.Run(test.name, func(t *testing.T) {
			load, run := loadThrough(t, 300, test.mistake)
			switch err := run(); {
			case test.want == "" && err != nil:
				t.Errorf("got %v, want nothing found", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q found", err, test.want)
			}
			if test.want == "" && (load.answered.Load() < 250 || load.left.Load() < 5) {
				t.Errorf("got %v, want some of both", load)
			}
		})
	}
}

// loadThrough runs a load of n requests through a ReverseProxy with a mistake.
func loadThrough(t *testing.T, n int, mistake func(p *httputil.ReverseProxy)) (load *Load, run func() error) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	load, err = NewLoad(n, []string{"a.test", "b.test"}, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	proxies := map[string]http.Handler{}
	for host, upstream := range load.Sites() {
		p := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0)}
		p.Rewrite = func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", upstream, r.In.Host
		}
		mistake(p)
		proxies[host] = p
	}
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		defer func() { _ = recover() }() // http.ErrAbortHandler, for a client that has left
		proxies[host].ServeHTTP(w, r)
	})
	return load, func() error { return load.Run(context.Background()) }
}

// lastOf returns a function that returns the argument of its previous call.
func lastOf() func(string) string {
	var mu sync.Mutex
	last := ""
	return func(text string) string {
		mu.Lock()
		defer mu.Unlock()
		before := last
		last = text
		return before
	}
}

// twice sends every request without a body twice.
type twice struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t twice) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		if response, err := t.RoundTripper.RoundTrip(r.Clone(r.Context())); err == nil {
			_ = response.Body.Close()
		}
	}
	return t.RoundTripper.RoundTrip(r)
}
