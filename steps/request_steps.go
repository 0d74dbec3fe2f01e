package steps

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) requestSteps() []step {
	return []step{
		{`clients speak {word}`, w.speak, "`HTTP/1.1` or `HTTP/2`, with HTTPS ports, in every sentence below that names no protocol. Without this sentence it is HTTP/1.1. Redirect ports and the health port are asked over HTTP/1.1 always."},
		{`a client requests {string}`, w.get, "GET, and waits for its end. `https://NAME/…` goes to the listener that has the site, or to the first; `http://NAME/…` to its redirect port; a URL with an IP address and a port is used unchanged. The path is sent byte for byte. No redirect is followed."},
		{`a client requests {string} over {string}`, w.getOver, "`HTTP/1.1` or `HTTP/2`."},
		{`a client sends {string} to {string}`, w.sendMethod, "A method without a body."},
		{`a client sends {string} to {string} with the body {string}`, w.sendBody, ""},
		{`a client sends {string} to {string} with {int} bytes`, w.sendSized, "With a Content-Length."},
		{`a client sends {string} to {string} with {int} bytes in chunks`, w.sendChunked, "Without a Content-Length."},
		{`a client sends the request:`, w.sendTable, "A table of two columns: `url`, `method`, `protocol`, `client` (each name has its own address and connections), `sni` (`none` for no name), `certificate` (the name of the client's own), `listener` (1, 2 …), `header` (`Name: value`, any number of rows), `body`, `bytes` (a body of that size), `chunked` (`yes`), `trailer` (`Name: value`), `verify` (`no`)."},
		{`the client {string} begins the request:`, w.beginTable, "The same table; does not wait. The sentence below checks the answer."},
		{`the client {string} begins to request {string}`, w.begin, "GET; does not wait."},
		{`the client {string} begins to request {string} over {string}`, w.beginOver, ""},
		{`the client {string} has received {string}`, w.hasReceived, "Waits until that is part of the body, while the answer may go on."},
		{`the client {string} has no answer yet`, w.noAnswerYet, ""},
		{`the client {string} disconnects`, w.goAway, "Cancels its request."},
		{`the client {string} is answered {int}`, w.answeredNamed, "Waits for the end of its answer, which the sentences under Answers then check."},
		{`the request of the client {string} fails`, w.failedNamed, "Waits for it: no answer, or an incomplete one."},
		{`the client {string} requests {string}`, w.getAs, "GET, and waits for its end. The sentences about several answers apply to it too."},
		{`a client requests {string} {int} times`, w.getTimes, "One after the other, over one connection."},
		{`the client {string} requests {string} {int} times`, w.getTimesAs, ""},
		{`a client requests {string} {int} times in parallel`, w.getAtOnce, "At the same time."},
		{`the client {string} loads {string} {int} times as a browser does`, w.loadPage, "200 at a time over one HTTP/2 connection, or six at a time over HTTP/1.1."},
		{`{int} of the answers are {int}`, w.countAnswers, "Of the last repeated request."},
	}
}

func (w *World) speak(proto string) error {
	if proto != "HTTP/1.1" && proto != "HTTP/2" {
		return fmt.Errorf("%q is not a protocol of the suite's client; HTTP/1.1 and HTTP/2 are", proto)
	}
	w.protocol = proto
	return nil
}

// exchangeNow sends a request, waits for its end and makes its answer the current one.
func (w *World) exchangeNow(r request) error {
	x, err := w.send(r)
	if err != nil {
		return err
	}
	w.exchange = x
	return x.wait()
}

func (w *World) get(url string) error { return w.exchangeNow(request{url: url}) }

func (w *World) getOver(url, proto string) error {
	return w.exchangeNow(request{url: url, proto: proto})
}

func (w *World) sendMethod(method, url string) error {
	return w.exchangeNow(request{method: method, url: url})
}

func (w *World) sendBody(method, url, body string) error {
	r := request{method: method, url: url}
	r.fillBody(body)
	return w.exchangeNow(r)
}

func (w *World) sendSized(method, url string, size int) error {
	return w.exchangeNow(request{method: method, url: url, body: filler(int64(size)), length: int64(size)})
}

func (w *World) sendChunked(method, url string, size int) error {
	return w.exchangeNow(request{method: method, url: url, body: filler(int64(size)), length: -1})
}

// filler returns a reader of that many bytes.
func filler(size int64) io.Reader { return io.LimitReader(letters{}, size) }

// letters is an endless text.
type letters struct{}

// Read fills p.
func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// parseRequest parses the table of a request.
func parseRequest(table *godog.Table) (request, error) {
	var r request
	rows, err := pairs(table)
	if err != nil {
		return r, err
	}
	chunked := false
	for _, row := range rows {
		key, value := row[0], row[1]
		switch key {
		case "url":
			r.url = value
		case "method":
			r.method = value
		case "protocol":
			r.proto = value
		case "client":
			r.client = value
		case "sni":
			r.sni = value
		case "certificate":
			r.certificate = value
		case "listener":
			r.listener, err = strconv.Atoi(value)
		case "header", "trailer":
			name, text, ok := strings.Cut(value, ":")
			if !ok {
				return r, fmt.Errorf("%q is not a `Name: value`", value)
			}
			f := field{name, strings.TrimPrefix(text, " ")}
			if key == "header" {
				r.header = append(r.header, f)
			} else {
				r.trailer = append(r.trailer, f)
			}
		case "body":
			r.fillBody(value)
		case "bytes":
			r.length, err = strconv.ParseInt(value, 10, 64)
			r.body = filler(r.length)
		case "chunked":
			chunked = value == "yes"
		case "verify":
			r.unverified = value == "no"
		default:
			return r, fmt.Errorf("%q is nothing that a request has", key)
		}
		if err != nil {
			return r, err
		}
	}
	if chunked {
		r.length = -1
	}
	return r, nil
}

func (w *World) sendTable(table *godog.Table) error {
	r, err := parseRequest(table)
	if err != nil {
		return err
	}
	return w.exchangeNow(r)
}

func (w *World) beginTable(client string, table *godog.Table) error {
	r, err := parseRequest(table)
	if err != nil {
		return err
	}
	r.client = client
	return w.beginRequest(client, r)
}

func (w *World) begin(client, url string) error {
	return w.beginRequest(client, request{url: url, client: client})
}

func (w *World) beginOver(client, url, proto string) error {
	return w.beginRequest(client, request{url: url, client: client, proto: proto})
}

func (w *World) beginRequest(client string, r request) error {
	x, err := w.send(r)
	w.exchanges[client] = x
	return err
}

// named returns the exchange that the client has started.
func (w *World) named(client string) (*exchange, error) {
	if x, ok := w.exchanges[client]; ok {
		return x, nil
	}
	return nil, fmt.Errorf("the client %q has begun no request", client)
}

func (w *World) hasReceived(client, text string) error {
	x, err := w.named(client)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !strings.Contains(string(x.body), text) {
			return fmt.Errorf("got %d %q (error: %v), want a body with %q", x.status, clip(string(x.body)), x.err, text)
		}
		return nil
	})
}

func (w *World) noAnswerYet(client string) error {
	x, err := w.named(client)
	if err != nil {
		return err
	}
	return w.during(200*time.Millisecond, func() error {
		select {
		case <-x.head:
			x.mu.Lock()
			defer x.mu.Unlock()
			return fmt.Errorf("got the answer %d (error: %v), want none yet", x.status, x.err)
		default:
			return nil
		}
	})
}

func (w *World) goAway(client string) error {
	x, err := w.named(client)
	if err != nil {
		return err
	}
	x.cancel()
	if body, ok := w.uploads[client]; ok {
		// net/http waits for a running read of the body.
		_ = body.CloseWithError(context.Canceled)
	}
	return x.wait()
}

func (w *World) answeredNamed(client string, status int) error {
	x, err := w.named(client)
	if err != nil {
		return err
	}
	w.exchange = x
	return x.expect(status)
}

func (w *World) failedNamed(client string) error {
	x, err := w.named(client)
	if err != nil {
		return err
	}
	w.exchange = x
	return x.failure()
}

func (w *World) getTimes(url string, times int) error { return w.getTimesAs("", url, times) }

func (w *World) getAs(client, url string) error { return w.getTimesAs(client, url, 1) }

func (w *World) getTimesAs(client, url string, times int) error {
	w.batch = nil
	for range times {
		if err := w.exchangeNow(request{url: url, client: client}); err != nil {
			return err
		}
		w.batch = append(w.batch, w.exchange)
	}
	return nil
}

// loadPage requests the URL once for each image of a page.
func (w *World) loadPage(client, url string, times int) error {
	w.batch = nil
	running := 6
	if w.protocol == "HTTP/2" {
		running = 200 // the proxy allows 250; net/http, unlike a browser, opens a connection for each request beyond that
	}
	for i := range times {
		if i >= running {
			if err := w.batch[i-running].wait(); err != nil {
				return err
			}
		}
		x, err := w.send(request{url: url, client: client})
		if err != nil {
			return err
		}
		w.batch = append(w.batch, x)
		if i == 0 { // the others use its connection
			if err := x.wait(); err != nil {
				return err
			}
		}
	}
	for _, x := range w.batch {
		if err := x.wait(); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) getAtOnce(url string, times int) error {
	w.batch = nil
	for range times {
		x, err := w.send(request{url: url})
		if err != nil {
			return err
		}
		w.batch = append(w.batch, x)
		if len(w.batch) > 1 {
			continue
		}
		// The others then find an HTTP/2 connection; without one, net/http performs a handshake for each of them.
		select {
		case <-x.connected:
		case <-x.done:
		}
	}
	for _, x := range w.batch {
		if err := x.wait(); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) countAnswers(want int, status int) error {
	counts := map[string]int{}
	got := 0
	for _, x := range w.batch {
		x.mu.Lock()
		if x.err != nil {
			counts[x.err.Error()]++
		} else {
			counts[strconv.Itoa(x.status)]++
			if x.status == status {
				got++
			}
		}
		x.mu.Unlock()
	}
	if got != want {
		return fmt.Errorf("got %v, want %d answers with %d", counts, want, status)
	}
	return nil
}
