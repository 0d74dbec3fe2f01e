package steps

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) crowdSteps() []step {
	return []step{
		{`the client {string} keeps {int} connections to {string} open, which send {string}`, w.keepConnections, "Exact bytes, by the kind of the URL: `https://NAME` (TLS, without HTTP/2), `http://NAME` (the redirect port) or `tcp://ADDRESS:PORT`. One that ends is opened again immediately, until the end of the scenario. Waits until each has been opened, or refused, once."},
		{`the client {string} keeps {int} connections to {string} open, which send {string} and then {string} every {int} ms`, w.keepTrickling, ""},
		{`the client {string} keeps {int} HTTP/2 connections to {string} open, each with a request for {string}`, w.keepHTTP2, ""},
		{`the client {string} is answered {int} by {string} over {int} new connections, most of them within a second`, w.answeredSoon, "One after the other. Each is answered within 5 seconds, and more than half of them within one: on a machine that does other work as well a single one may take longer. What the machine's pace delays is added to both (pace.go)."},
	}
}

// reopenPause is the time between the end of one of many connections and the start of its replacement.
const reopenPause = 20 * time.Millisecond

// crowdConn is how one of many connections behaves. It returns when the connection has ended.
type crowdConn func(conn net.Conn)

// crowd keeps a client's connections open until the scenario ends, and waits until each has been tried once.
func (w *World) crowd(client string, count int, url, protocol string, use crowdConn) error {
	scheme, host, ok := strings.Cut(url, "://")
	if !ok {
		return fmt.Errorf("%q is not a URL", url)
	}
	address := host
	var config *tls.Config
	if scheme != "tcp" {
		var err error
		if address, err = w.dialAddress(scheme, host, 0); err != nil {
			return err
		}
		if scheme == "https" {
			config = w.clientTLS(hostOnly(host), false)
			config.NextProtos = []string{protocol}
		}
	}
	from := w.clientAddress(client)
	ctx, cancel := context.WithCancel(w.ctx)
	var members, begun sync.WaitGroup
	w.cleanup(func() error { cancel(); members.Wait(); return nil })
	for range count {
		begun.Add(1)
		members.Go(func() {
			var once sync.Once
			defer once.Do(begun.Done)
			for ctx.Err() == nil {
				if conn, err := w.dialFrom(ctx, from, address); err == nil {
					w.crowdMember(ctx, conn, config, func(conn net.Conn) {
						once.Do(begun.Done)
						use(conn)
					})
				}
				once.Do(begun.Done)
				select {
				case <-time.After(reopenPause):
				case <-ctx.Done():
				}
			}
		})
	}
	all := make(chan struct{})
	go func() { begun.Wait(); close(all) }() // ends with the members at the latest
	select {
	case <-all:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("not all %d connections to %s were opened or refused within %v", count, address, patience)
	}
}

// crowdMember uses one connection until it or the context ends.
func (w *World) crowdMember(ctx context.Context, conn net.Conn, config *tls.Config, use crowdConn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if config != nil {
		secure := tls.Client(conn, config)
		if secure.HandshakeContext(ctx) != nil {
			return
		}
		conn = secure
	}
	use(conn)
}

func (w *World) keepConnections(client string, count int, url, text string) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	return w.crowd(client, count, url, "http/1.1", func(conn net.Conn) {
		if _, err := io.WriteString(conn, data); err == nil {
			_, _ = io.Copy(io.Discard, conn) // until the proxy closes it
		}
	})
}

func (w *World) keepTrickling(client string, count int, url, text, more string, ms int) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	piece, err := unescape(more)
	if err != nil {
		return err
	}
	return w.crowd(client, count, url, "http/1.1", func(conn net.Conn) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, conn)
		}()
		tick := time.NewTicker(time.Duration(ms) * time.Millisecond)
		defer tick.Stop()
		for _, err := io.WriteString(conn, data); err == nil; _, err = io.WriteString(conn, piece) {
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
		_ = conn.Close()
		<-ended
	})
}

func (w *World) keepHTTP2(client string, count int, url, path string) error {
	_, host, _ := strings.Cut(url, "://")
	var block strings.Builder
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", path}, {":authority", host}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // writing to a Builder does not fail
	}
	head := block.String()
	return w.crowd(client, count, url, "h2", func(conn net.Conn) {
		frames := http2.NewFramer(conn, conn)
		_, err := io.WriteString(conn, http2.ClientPreface)
		if err != nil || frames.WriteSettings() != nil ||
			frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(head), EndHeaders: true, EndStream: true}) != nil {
			return
		}
		_, _ = io.Copy(io.Discard, conn)
	})
}

func (w *World) answeredSoon(client string, status int, url string, count int) error {
	request, err := w.newConnectionTo(url)
	if err != nil {
		return err
	}
	var times []time.Duration
	soon := 0
	for range count {
		begun := time.Now()
		got, err := request(client)
		ended := time.Now()
		took := ended.Sub(begun)
		if err != nil {
			return fmt.Errorf("after %v: %w", took, err)
		}
		if most := w.allowed(5*time.Second, begun, ended); took > most {
			return fmt.Errorf("the answer took %v, want it within %v", took, most)
		}
		if got != status {
			return fmt.Errorf("got the answer %d, want %d", got, status)
		}
		if times = append(times, took); took < w.allowed(time.Second, begun, ended) {
			soon++
		}
	}
	if soon <= count/2 {
		return fmt.Errorf("the answers took %v, want most of them within a second", times)
	}
	return nil
}

// newConnectionTo returns a function that requests the URL over a new connection of a client, and returns the status of the
// answer.
func (w *World) newConnectionTo(url string) (request func(client string) (int, error), err error) {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	address, err := w.dialAddress(scheme, host, 0)
	if err != nil {
		return nil, err
	}
	var config *tls.Config
	if scheme == "https" {
		config = w.clientTLS(hostOnly(host), false)
		config.NextProtos = []string{"http/1.1"}
	}
	return func(client string) (int, error) {
		return w.requestOnce(w.clientAddress(client), address, host, path, config)
	}, nil
}

// requestOnce requests a path over a new connection, and returns the status of the answer.
func (w *World) requestOnce(from, address, host, path string, config *tls.Config) (int, error) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	conn, err := w.dialFrom(ctx, from, address)
	if err != nil {
		return 0, err
	}
	status := 0
	w.crowdMember(ctx, conn, config, func(conn net.Conn) {
		if _, err = io.WriteString(conn, "GET /"+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); err != nil {
			return
		}
		var answer *http.Response
		if answer, err = http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
			return
		}
		defer answer.Body.Close()
		status = answer.StatusCode
		_, err = io.Copy(io.Discard, answer.Body)
	})
	if status == 0 && err == nil {
		err = fmt.Errorf("%s: the handshake failed, or took longer than a minute", address)
	}
	return status, err
}
