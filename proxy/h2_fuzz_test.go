package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"reverse-proxy/proxy/deadline"
	"reverse-proxy/proxy/eventlog"
	"reverse-proxy/proxy/http2"
	"reverse-proxy/proxy/limit"
)

// h2FuzzServer returns a server whose one stage reads the body of a request and sends it back.
func h2FuzzServer(tb testing.TB) *siteServer {
	tb.Helper()
	logger, err := eventlog.New(eventlog.Options{Level: eventlog.LevelWarn, Format: eventlog.FormatText}, io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = logger.Close() })
	pointer := new(atomic.Pointer[DynamicConfig])
	pointer.Store(&DynamicConfig{RateLimit: limit.Config{RequestsPerSecond: 1e9, Burst: 1 << 30}, BodyLimit: 1 << 20, sites: siteTable{newListenerSites("")}})
	p := &pipeline{dynamic: pointer, limits: newLimits(1000), log: logger, metrics: newMetrics(), bodyIdle: time.Minute}
	p.stages = []stage{{name: "body limit", run: p.limitBody}, {name: "echo", run: func(x *exchange) *answer {
		x.body.timedBy(x.timer, p.bodyIdle)
		var body []byte
		room := make([]byte, 1000)
		for x.body.present() {
			data, err := x.body.read(room, true)
			body = append(body, data...)
			if err != nil && err != io.EOF {
				return answerStatus(statusBadRequest)
			}
		}
		x.status = statusOK
		x.beginAnswer()
		if x.client.Head(statusOK, "", Fields{{Name: "X-Path", Value: x.request.Target}}, -1, x.bodyUnread()) != nil {
			x.abort = true
			return nil
		}
		if _, err := x.client.Write(body); err != nil || x.client.End(nil) != nil {
			x.abort = true
		}
		return nil
	}}}
	registry := newConnRegistry(100, 100, deadline.NewSweeper())
	return &siteServer{
		pipeline: p, registry: registry, log: logger, tls: &tls.Config{}, headerTimeout: time.Minute, idleTimeout: time.Minute,
	}
}

// FuzzHTTP2Connection feeds a connection with arbitrary bytes after the preface: it must end when the client does, without
// a panic or a leaked goroutine or stream.
func FuzzHTTP2Connection(f *testing.F) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a.test"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a bytes.Buffer never fails
	}
	head := func(id uint32, flags uint8) []byte {
		return append(http2.AppendHeader(nil, block.Len(), http2.TypeHeaders, flags, id), block.Bytes()...)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	const endHeaders, endStream = http2.FlagEndHeaders, http2.FlagEndStream
	settings := http2.AppendSettings(nil)
	f.Add(join(settings, head(1, endHeaders|endStream)))
	f.Add(join(settings, head(1, endHeaders), http2.AppendData(nil, 1, []byte("hello"), false), http2.AppendData(nil, 1, nil, true)))
	f.Add(join(settings, head(1, endHeaders), head(3, endHeaders), http2.AppendRSTStream(nil, 1, http2.Cancel), http2.AppendPing(nil, [8]byte{}, false)))
	f.Add(join(http2.AppendSettings(nil, http2.Setting{ID: http2.SettingInitialWindowSize, Value: 1}), head(1, endHeaders),
		http2.AppendData(nil, 1, []byte("hello"), true), http2.AppendWindowUpdate(nil, 1, 2), http2.AppendWindowUpdate(nil, 0, 1<<31-1)))
	f.Add(join(settings, head(1, 0), http2.AppendHeader(nil, 0, http2.TypeContinuation, endHeaders, 1)))
	f.Add(join(settings, head(1, endHeaders), head(1, endHeaders|endStream), http2.AppendGoAway(nil, 0, http2.NoError)))
	f.Add(join(settings, http2.AppendHeader(nil, 7, http2.TypePriorityUpdate, 0, 0), []byte("\x00\x00\x00\x01u=1"), head(1, endHeaders|endStream)))
	f.Add([]byte(strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 60)))
	server := h2FuzzServer(f)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = ln.Close() })
	f.Fuzz(func(t *testing.T, frames []byte) {
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		accepted, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c, err := newClientConn(server, accepted.(*net.TCPConn))
		if err != nil {
			t.Fatal(err)
		}
		server.registry.sweeper.Add(&c.timer)
		defer server.registry.sweeper.Remove(&c.timer)
		h := newH2Conn(c)
		h.conn = accepted // no TLS: it would only slow down the fuzzing
		c.http2.Store(h)
		h.greet()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.finish(h.read())
			_ = accepted.Close()
		}()
		_ = client.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = io.WriteString(client, http2.Preface) // the connection may be ended at any time
			_, _ = client.Write(frames)
			_ = client.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(io.Discard, client)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the connection did not end with its client")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.running != 0 || len(h.streams) != 0 || h.writing || h.windows.held != 0 || h.in != nil || !h.schedule.empty() {
			t.Fatalf("got %d running and %d streams, writing %v, %d bytes held, want nothing left", h.running, len(h.streams), h.writing, h.windows.held)
		}
		if n := server.pipeline.inFlight.Load(); n != 0 {
			t.Fatalf("got %d requests in flight, want none", n)
		}
	})
}
