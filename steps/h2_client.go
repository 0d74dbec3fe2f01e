package steps

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/cucumber/godog"
)

func (w *World) h2Steps() []step {
	return []step{
		{`a client sends over HTTP/2 to {string} the fields:`, w.h2Fields, "Exactly these fields in this order, pseudo-fields included (`:method`, `:scheme`, `:path`, `:authority`), as a stream without a body. A table of names and values. The URL only says which listener is meant."},
		{`a client sends over HTTP/2 to {string}, with {int} bytes of a body that does not end, the fields:`, w.h2Unended, ""},
		{`the stream is reset with {string}`, w.h2Reset, "`NO_ERROR`, `PROTOCOL_ERROR`, `REFUSED_STREAM` …; also when it comes after a whole answer."},
	}
}

// h2Result is the result of a stream of a raw HTTP/2 client, in addition to its answer.
type h2Result struct {
	// reset is the name of the error code with which the stream was reset, "" if it was not.
	reset string
}

func (w *World) h2Fields(url string, table *godog.Table) error { return w.h2Send(url, 0, false, table) }

func (w *World) h2Unended(url string, size int, table *godog.Table) error {
	return w.h2Send(url, size, true, table)
}

// h2Send opens a connection, sends one stream and reads until the answer is complete or the stream or connection ends.
func (w *World) h2Send(url string, size int, unended bool, table *godog.Table) error {
	fields, err := pairs(table)
	if err != nil {
		return err
	}
	framer, conn, err := w.h2Dial(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	err = framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: !unended,
	})
	for size > 0 && err == nil {
		n := min(size, 16<<10)
		err = framer.WriteData(1, false, bytes.Repeat([]byte("x"), n))
		size -= n
	}
	if err != nil {
		return err
	}
	w.exchange = newExchange()
	w.h2 = &h2Result{}
	close(w.exchange.head)
	close(w.exchange.done)
	return w.exchange.readStream(framer, w.h2)
}

// h2Dial opens a connection that has negotiated HTTP/2 and sent the client's settings.
func (w *World) h2Dial(url string) (*http2.Framer, *tls.Conn, error) {
	conn, err := w.h2Connect("", url)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, nil, err
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	return framer, conn, framer.WriteSettings()
}

// h2Connect opens a connection of that client that has negotiated HTTP/2, on which nothing was sent yet.
func (w *World) h2Connect(client, url string) (*tls.Conn, error) {
	scheme, host, _ := strings.Cut(url, "://")
	address, err := w.dialAddress(scheme, host, 0)
	if err != nil {
		return nil, err
	}
	config := w.clientTLS(hostOnly(host), false)
	config.NextProtos = []string{"h2"}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	conn, err := w.dial(ctx, client, address)
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

// readStream reads stream 1 to its end, and a little more, because a reset may follow a complete answer.
func (x *exchange) readStream(framer *http2.Framer, result *h2Result) error {
	whole, pinged := false, false
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			if x.status == 0 || !whole {
				x.err = fmt.Errorf("the connection ended: %w", err)
			}
			if x.status == 0 {
				x.headErr = x.err
			}
			return nil
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			x.takeFields(frame)
			whole = whole || frame.StreamEnded()
		case *http2.DataFrame:
			x.body = append(x.body, frame.Data()...)
			x.size += int64(len(frame.Data()))
			whole = whole || frame.StreamEnded()
		case *http2.RSTStreamFrame:
			result.reset = frame.ErrCode.String()
			if !whole {
				x.err = fmt.Errorf("the stream was reset with %s", result.reset)
			}
			if x.status == 0 {
				x.headErr = x.err
			}
			return nil
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			return nil
		}
		if whole && !pinged {
			// A ping marks the end of the answer: everything that the server sends before its reply is seen.
			pinged = framer.WritePing(false, [8]byte{'e', 'n', 'd'}) == nil
		}
	}
}

// takeFields records the fields of an answer or its trailers.
func (x *exchange) takeFields(frame *http2.MetaHeadersFrame) {
	header := http.Header{}
	for _, f := range frame.RegularFields() {
		header.Add(f.Name, f.Value)
	}
	status, err := strconv.Atoi(frame.PseudoValue("status"))
	switch {
	case err != nil:
		x.trailer = header
	case status >= 200:
		x.status, x.header, x.proto = status, header, "HTTP/2.0"
	}
}

func (w *World) h2Reset(code string) error {
	if w.h2 == nil {
		return errors.New("nothing was sent over HTTP/2 yet")
	}
	if w.h2.reset != code {
		return fmt.Errorf("got the reset %q, want %q", w.h2.reset, code)
	}
	return nil
}
