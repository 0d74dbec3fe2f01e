package steps

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

func (w *World) crowdSpeedSteps() []step {
	return []step{
		{`the client {string} begins handshakes with {string} as fast as it can, {int} at a time`, w.floodHandshakes, "Each is a ClientHello followed by a record of garbage, which costs the client nothing."},
		{`the client {string} floods {string} with requests of {string} for {string}, over {int} HTTP/2 connections`, w.floodRequests, "As fast as they are taken. A connection that ends is opened again. What: " + parkedNames() + "."},
		{`the client {string} sends {string} without end over {int} connections to {string}`, w.sendWithoutEnd, "As fast as it is taken, and reads what comes. A connection that ends is opened again."},
	}
}

// writeOnce is a connection that records the first write, and has nothing to read.
type writeOnce struct {
	net.Conn
	sent []byte
}

func (c *writeOnce) Write(p []byte) (int, error) { c.sent = append(c.sent, p...); return len(p), nil }
func (c *writeOnce) Read([]byte) (int, error)    { return 0, io.EOF }

// clientHello returns the first bytes of a handshake.
func clientHello(config *tls.Config) ([]byte, error) {
	conn := &writeOnce{}
	if err := tls.Client(conn, config).Handshake(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("a handshake with nobody ended with %w", err)
	}
	return slices.Clip(conn.sent), nil // each connection appends its own bytes
}

func (w *World) floodHandshakes(client, url string, count int) error {
	scheme, host, _ := strings.Cut(url, "://")
	address, err := w.dialAddress(scheme, host, 0)
	if err != nil {
		return err
	}
	hello, err := clientHello(w.clientTLS(hostOnly(host), false))
	if err != nil {
		return err
	}
	garbage := append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...)
	return w.crowd(client, count, "tcp://"+address, "", func(conn net.Conn) {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(append(hello, garbage...)); err == nil {
			_, _ = io.Copy(io.Discard, conn) // whatever comes, the next one begins after it
		}
	})
}

// endlessBytes is about how much is written at a time.
const endlessBytes = 16 << 10

func (w *World) sendWithoutEnd(client, text string, count int, url string) error {
	data, err := unescape(text)
	if err != nil {
		return err
	}
	sent := []byte(strings.Repeat(data, 1+endlessBytes/len(data)))
	return w.crowd(client, count, url, "http/1.1", func(conn net.Conn) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, conn)
		}()
		defer func() { _ = conn.Close(); <-ended }()
		for {
			if _, err := conn.Write(sent); err != nil {
				return
			}
		}
	})
}

// floodBatch is how many requests are written at a time.
const floodBatch = 100

func (w *World) floodRequests(client, url, what, host string, count int) error {
	kind, ok := parkedRequests[what]
	if !ok {
		return fmt.Errorf("%q is not a request; %s are", what, parkedNames())
	}
	first, later := kind.block(host, true), kind.block(host, false)
	return w.crowd(client, count, url, "h2", func(conn net.Conn) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, conn)
		}()
		defer func() { _ = conn.Close(); <-ended }()
		var sent bytes.Buffer
		out := http2.NewFramer(&sent, nil)
		sent.WriteString(http2.ClientPreface)
		_ = out.WriteSettings() // writing to a Buffer does not fail
		block := first
		for id := uint32(1); ; {
			for range floodBatch {
				_ = out.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true})
				block, id = later, id+2
			}
			if _, err := conn.Write(sent.Bytes()); err != nil {
				return
			}
			sent.Reset()
		}
	})
}
