package steps

import (
	"bytes"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// countingH2Upstream is an upstream of HTTP/2 that ends a connection on which it gets more than so many resets, as many servers do
// since CVE-2023-44487.
func (w *World) countingH2Upstream(name string, resets int) error {
	return w.scriptedH2Upstream(name, nil, func(up *upstream, framer *http2.Framer) { up.countResets(framer, resets) })
}

// countResets serves one connection until it ends or has too many resets.
func (u *upstream) countResets(framer *http2.Framer, most int) {
	var writing sync.Mutex
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	answer := func(stream uint32) {
		writing.Lock()
		defer writing.Unlock()
		u.answerH2(framer, stream)
	}
	for resets := 0; resets <= most; {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			resets++
		case *http2.MetaHeadersFrame:
			switch frame.PseudoValue("path") {
			case "/wait":
			case "/later":
				u.served.Go(func() {
					select {
					case <-u.release:
						answer(frame.StreamID)
					case <-u.closed:
					}
				})
			default:
				answer(frame.StreamID)
			}
		}
	}
	writing.Lock()
	defer writing.Unlock()
	_ = framer.WriteGoAway(1<<31-1, http2.ErrCodeEnhanceYourCalm, nil) // the connection ends either way
}

// answerH2 answers a request with the upstream's name.
func (u *upstream) answerH2(framer *http2.Framer, stream uint32) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"}) // a buffer takes everything
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = framer.WriteData(stream, true, []byte(u.name)) // the proxy may have left
}
