package steps

import (
	"crypto/tls"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// unreadH2Upstream is an upstream of HTTP/2 that leaves some bodies unread.
func (w *World) unreadH2Upstream(name string) error {
	return w.scriptedH2Upstream(name, nil, (*upstream).leaveUnread)
}

// unreadH2TLSUpstream is unreadH2Upstream over TLS.
func (w *World) unreadH2TLSUpstream(name string) error {
	config, err := w.h2TLSConfig(name)
	if err != nil {
		return err
	}
	return w.scriptedH2Upstream(name, config, (*upstream).leaveUnread)
}

// leaveUnread serves one connection with the windows with which HTTP/2 begins, and gives back only what it has read.
func (u *upstream) leaveUnread(framer *http2.Framer) {
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	unread := map[uint32]bool{}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		stream := frame.Header().StreamID
		if head, ok := frame.(*http2.MetaHeadersFrame); ok {
			unread[stream] = strings.HasPrefix(head.PseudoValue("path"), "/unread")
		}
		if unread[stream] {
			continue
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			if ended = frame.StreamEnded(); frame.Length > 0 && framer.WriteWindowUpdate(0, frame.Length) != nil {
				return
			}
			if frame.Length > 0 && !ended && framer.WriteWindowUpdate(stream, frame.Length) != nil {
				return
			}
		}
		if ended {
			u.answerH2(framer, stream)
		}
	}
}

// h2TLSConfig returns the TLS configuration of an upstream that speaks only HTTP/2.
func (w *World) h2TLSConfig(name string) (*tls.Config, error) {
	address, err := w.upstreamAddress(name)
	if err != nil {
		return nil, err
	}
	cert, err := w.suite.ca.pair(hostOnly(address))
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}, nil
}
