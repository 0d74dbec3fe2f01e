package steps

import (
	"bytes"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) crowdHTTP2Steps() []step {
	return []step{
		{`the client {string} asks {string} for {string} over {int} HTTP/2 connections with windows of {int} bytes, {int} requests each, {int} a second`, w.keepStreams, "The windows are those of the responses, for each stream; they are never enlarged. A connection that ends is opened again."},
		{`the client {string} asks {string} for {string} over {int} HTTP/2 connections with windows of {int} bytes, {int} requests each, {int} a second, and takes a byte of each response every {int} ms`, w.keepTricklingStreams, ""},
	}
}

func (w *World) keepStreams(client, url, path string, count, window, requests, perSecond int) error {
	return w.keepTricklingStreams(client, url, path, count, window, requests, perSecond, 0)
}

func (w *World) keepTricklingStreams(client, url, path string, count, window, requests, perSecond, ms int) error {
	_, host, _ := strings.Cut(url, "://")
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", path}, {":authority", host}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // writing to a Buffer does not fail
	}
	head := block.Bytes()
	return w.crowd(client, count, url, "h2", func(conn net.Conn) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, conn)
		}()
		defer func() { _ = conn.Close(); <-ended }()
		frames := http2.NewFramer(conn, conn)
		if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
			return
		}
		if frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(window)}) != nil {
			return
		}
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for i := range uint32(requests) {
			if frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: head, EndHeaders: true, EndStream: true}) != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
		for ms > 0 {
			select {
			case <-time.After(time.Duration(ms) * time.Millisecond):
			case <-ended:
				return
			}
			for i := range uint32(requests) {
				if frames.WriteWindowUpdate(2*i+1, 1) != nil {
					return
				}
			}
		}
		<-ended
	})
}
