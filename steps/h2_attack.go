package steps

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func (w *World) h2AttackSteps() []step {
	return []step{
		{`a client attacks {string} over HTTP/2 with {string}`, w.attack, "Goes on beside the scenario, until the connection ends or everything was sent. The attacks are: " + attackNames() + "."},
		{`the attack ends with GOAWAY {string}`, w.attackEnds, "`ENHANCE_YOUR_CALM`, `FLOW_CONTROL_ERROR` …; the connection is closed behind it."},
		{`the attacked stream is reset with {string}`, w.attackedStreamReset, "And the connection goes on."},
		{`the attacking connection is closed`, w.attackClosed, "With or without GOAWAY: a client that reads nothing cannot be told."},
	}
}

// attack is a client that does over one HTTP/2 connection what no honest one would, in bounded number.
type attack struct {
	conn    *tls.Conn
	framer  *http2.Framer
	encoder *hpack.Encoder
	block   bytes.Buffer
	// sent is closed when everything was sent, done when the connection has ended. goAway and err are how.
	sent, done chan struct{}
	goAway     string
	err        error
	// resets takes the code of the first stream that was reset.
	resets chan string
}

// attackKind is something that a client may do.
type attackKind struct {
	name string
	// mute tells that nothing is read before everything was sent.
	mute bool
	// send sends until it gets an error or has sent its share.
	send func(a *attack)
}

func attackKinds() []attackKind {
	return []attackKind{
		{"rapid reset", false, func(a *attack) {
			a.repeat(10000, func(i int) error {
				return errors.Join(a.head(stream(i), true), a.framer.WriteRSTStream(stream(i), http2.ErrCodeCancel))
			})
		}},
		{"rapid reset while the upstream sends", false, func(a *attack) {
			a.repeat(2000, func(i int) error {
				time.Sleep(time.Millisecond) // the upstream gets to see the first ones
				return errors.Join(a.head(stream(i), true), a.framer.WriteRSTStream(stream(i), http2.ErrCodeCancel))
			})
		}},
		{"CONTINUATION without end", false, func(a *attack) {
			err := a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: a.encode(":method", "GET")})
			a.repeat(100000, func(i int) error {
				return errors.Join(err, a.framer.WriteContinuation(1, false, a.encode("a", fmt.Sprint(i))))
			})
		}},
		{"an HPACK bomb", false, func(a *attack) {
			_ = a.head(1, true, "x", strings.Repeat("a", 3900)) // what fails is seen by who reads
			a.repeat(100, func(i int) error {
				return a.framer.WriteHeaders(http2.HeadersFrameParam{
					StreamID: stream(i + 1), BlockFragment: bytes.Repeat([]byte{0x80 | 62}, 16<<10), EndHeaders: true,
				})
			})
		}},
		{"empty DATA", false, func(a *attack) {
			_ = a.head(1, false)
			a.repeat(100000, func(int) error { return a.framer.WriteData(1, false, nil) })
		}},
		{"empty HEADERS", false, func(a *attack) {
			a.repeat(100000, func(i int) error {
				return a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream(i), EndHeaders: true})
			})
		}},
		{"PING", false, func(a *attack) {
			a.repeat(100000, func(int) error { return a.framer.WritePing(false, [8]byte{}) })
		}},
		{"a PING every 100 ms", false, func(a *attack) {
			a.repeat(600, func(int) error {
				time.Sleep(100 * time.Millisecond) // what a client does that wants to keep its connection
				return a.framer.WritePing(false, [8]byte{})
			})
		}},
		{"PING without reading", true, func(a *attack) {
			a.repeat(1000000, func(int) error { return a.framer.WritePing(false, [8]byte{}) })
		}},
		{"requests without reading", true, func(a *attack) {
			a.repeat(100000, func(i int) error { return a.head(stream(i), true) })
		}},
		{"SETTINGS", false, func(a *attack) {
			a.repeat(100000, func(i int) error {
				return a.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
			})
		}},
		{"PRIORITY churn", false, func(a *attack) {
			a.repeat(100000, func(i int) error {
				return a.framer.WritePriority(stream(i), http2.PriorityParam{StreamDep: uint32(i%7) * 2, Exclusive: true, Weight: uint8(i)})
			})
		}},
		{"WINDOW_UPDATE", false, func(a *attack) {
			a.repeat(100000, func(int) error { return a.framer.WriteWindowUpdate(0, 1) })
		}},
		{"a window that overflows", false, func(a *attack) {
			a.repeat(2, func(int) error { return a.framer.WriteWindowUpdate(0, 1<<31-1) })
		}},
		{"a window that is never opened", false, func(a *attack) {
			_ = a.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			_ = a.head(1, true)
		}},
		{"a body that stands still", false, func(a *attack) {
			_ = a.head(1, false, "content-length", "10")
			_ = a.framer.WriteData(1, false, []byte("x"))
		}},
	}
}

// stream is the number of a client's i-th stream.
func stream(i int) uint32 { return uint32(2*i + 1) }

func attackNames() string {
	var names []string
	for _, kind := range attackKinds() {
		names = append(names, "`"+kind.name+"`")
	}
	return strings.Join(names, ", ")
}

// repeat calls send until it fails.
func (a *attack) repeat(times int, send func(i int) error) {
	for i := 0; i < times; i++ {
		if send(i) != nil {
			return
		}
	}
}

// encode makes a header block of one field.
func (a *attack) encode(name, value string) []byte {
	a.block.Reset()
	_ = a.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // a bytes.Buffer takes everything
	return bytes.Clone(a.block.Bytes())
}

// head sends a request's head, with more fields behind the usual ones.
func (a *attack) head(id uint32, end bool, more ...string) error {
	method := "GET"
	if !end {
		method = "POST"
	}
	var block []byte
	list := append([]string{":method", method, ":scheme", "https", ":path", "/", ":authority", "git.example.test"}, more...)
	for i := 0; i < len(list); i += 2 {
		block = append(block, a.encode(list[i], list[i+1])...)
	}
	return a.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end})
}

func (w *World) attack(url, name string) error {
	kinds := attackKinds()
	at := slices.IndexFunc(kinds, func(kind attackKind) bool { return kind.name == name })
	if at < 0 {
		return fmt.Errorf("%q is no attack, want one of %s", name, attackNames())
	}
	kind := kinds[at]
	framer, conn, err := w.h2Dial(url)
	if err != nil {
		return err
	}
	framer.AllowIllegalWrites, framer.ReadMetaHeaders = true, nil
	a := &attack{conn: conn, framer: framer, sent: make(chan struct{}), done: make(chan struct{}), resets: make(chan string, 1)}
	a.encoder = hpack.NewEncoder(&a.block)
	w.attacker = a
	w.cleanups = append(w.cleanups, func() error {
		_ = conn.Close() // the daemon may have closed it
		<-a.sent
		<-a.done
		return nil
	})
	go func() {
		defer close(a.sent)
		kind.send(a)
	}()
	go func() {
		defer close(a.done)
		if kind.mute {
			<-a.sent
		}
		a.read()
	}()
	return nil
}

// read takes what the daemon sends until the connection ends.
func (a *attack) read() {
	for {
		frame, err := a.framer.ReadFrame()
		if err != nil {
			a.err = err
			return
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			a.goAway = frame.ErrCode.String()
		case *http2.RSTStreamFrame:
			select {
			case a.resets <- frame.ErrCode.String():
			default: // only the first counts
			}
		}
	}
}

// attackOver waits for the end of the attacking connection.
func (w *World) attackOver() (*attack, error) {
	if w.attacker == nil {
		return nil, errors.New("no client attacks")
	}
	select {
	case <-w.attacker.done:
	case <-time.After(patience):
		return nil, fmt.Errorf("the connection is still open after %v", patience)
	}
	return w.attacker, nil
}

func (w *World) attackEnds(code string) error {
	a, err := w.attackOver()
	if err == nil && a.goAway != code {
		err = fmt.Errorf("got GOAWAY %q (the connection ended with %v), want %s", a.goAway, a.err, code)
	}
	return err
}

func (w *World) attackClosed() error {
	_, err := w.attackOver()
	return err
}

func (w *World) attackedStreamReset(code string) error {
	if w.attacker == nil {
		return errors.New("no client attacks")
	}
	select {
	case got := <-w.attacker.resets:
		if got != code {
			return fmt.Errorf("got the reset %q, want %q", got, code)
		}
	case <-w.attacker.done:
		return fmt.Errorf("got the end of the connection (%w), want a reset", w.attacker.err)
	case <-time.After(patience):
		return fmt.Errorf("got no reset within %v", patience)
	}
	select {
	case <-w.attacker.done:
		return errors.New("got the connection closed behind the reset, want it to go on")
	default:
		return nil
	}
}
