package steps

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

func (w *World) h2ConnSteps() []step {
	return []step{
		{`a client speaks HTTP/2 with {string}`, func(url string) error { return w.openH2("", url, true) }, "A connection that enlarges its windows for all that arrives. The sentences below are about the last one, and its last stream."},
		{`the client {string} speaks HTTP/2 with {string}`, func(client, url string) error { return w.openH2(client, url, true) }, ""},
		{`the client {string}, which opens no window, speaks HTTP/2 with {string}`, w.h2Withholding, "SETTINGS_INITIAL_WINDOW_SIZE is 0, and no WINDOW_UPDATE follows."},
		{`the client {string}, which opens no window beyond {int} bytes, speaks HTTP/2 with {string}`, w.h2Sparing, ""},
		{`the client {string}, which reads nothing, speaks HTTP/2 with {string}`, func(client, url string) error { return w.openH2(client, url, false) }, "Until a sentence waits for something to arrive."},
		{`it opens the window of {word} by {int}`, w.h2Window, "`connection` or `stream` (the last one): a WINDOW_UPDATE."},
		{`it sets {word} to {int}`, w.h2Setting, "A setting by its name: `INITIAL_WINDOW_SIZE`."},
		{`it receives the setting {word} with {int}`, w.h2Told, "`MAX_CONCURRENT_STREAMS`. Waits for it."},
		{`it receives GOAWAY with {string}`, w.h2Farewell, "The error code's name; alternatives separated by `|`. Waits for it. The last stream that it names is at least the last that was opened."},
		{`its GOAWAY frames are {string}`, w.h2Farewells, "All of them in their order, each as the code and the last stream, separated by `; `: `NO_ERROR 3`; `all` for the highest possible number, which refuses no stream. Waits for them."},
		{`it is closed`, w.h2Closed, "Waits for the proxy to close it."},
		{`it is ended with {string}`, w.h2Ended, "GOAWAY with that code, alternatives separated by `|`, and then closed; `none` for closed without GOAWAY. Waits for it."},
		{`it is ended with {string} within {int} ms`, w.h2EndedWithin, "Since it was opened."},
		{`it is still served`, w.h2Alive, "It answers a PING."},
	}
}

// spoken returns the current connection of the scenario, which reads from now on.
func (w *World) spoken() (*h2Conn, error) {
	if w.h2Conn == nil {
		return nil, errors.New("no client speaks HTTP/2 yet")
	}
	return w.h2Conn, nil
}

// awaitH2 reads until the check of the connection passes. The check holds the connection's mu.
func (w *World) awaitH2(check func(c *h2Conn) error) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		return check(c)
	})
}

func (w *World) h2Withholding(client, url string) error {
	return w.openH2(client, url, true, http2.Setting{ID: http2.SettingInitialWindowSize})
}

func (w *World) h2Sparing(client string, size int, url string) error {
	return w.openH2(client, url, true, http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(size)})
}

// onH2 sends frames on the connection.
func (w *World) onH2(frames func(c *h2Conn) error) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	return c.send(func() error { return frames(c) })
}

func (w *World) h2Window(of string, by int) error {
	return w.onH2(func(c *h2Conn) error {
		switch of {
		case "connection":
			return c.out.WriteWindowUpdate(0, uint32(by))
		case "stream":
			return c.out.WriteWindowUpdate(c.last, uint32(by))
		}
		return fmt.Errorf("%q has no window; connection and stream have", of)
	})
}

func (w *World) h2Setting(name string, value int) error {
	id, err := settingID(name)
	if err != nil {
		return err
	}
	return w.onH2(func(c *h2Conn) error { return c.out.WriteSettings(http2.Setting{ID: id, Val: uint32(value)}) })
}

// settingID finds a setting by its name.
func settingID(name string) (http2.SettingID, error) {
	for id := http2.SettingHeaderTableSize; id <= http2.SettingEnableConnectProtocol; id++ {
		if id.String() == name {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%q is not a setting", name)
}

func (w *World) h2Told(name string, want int) error {
	id, err := settingID(name)
	if err != nil {
		return err
	}
	return w.awaitH2(func(c *h2Conn) error {
		if got, ok := c.settings[id]; !ok || got != uint32(want) {
			return fmt.Errorf("got %s %d (told: %v), want %d", name, got, ok, want)
		}
		return nil
	})
}

func (w *World) h2Farewell(codes string) error {
	return w.awaitH2(func(c *h2Conn) error {
		if len(c.goAways) == 0 {
			return fmt.Errorf("got no GOAWAY, want %s", codes)
		}
		got := c.goAways[len(c.goAways)-1]
		if !oneOf(got.code, codes) || got.last < c.last {
			return fmt.Errorf("got GOAWAY with %s after the stream %d, want %s after the stream %d", got.code, got.last, codes, c.last)
		}
		return nil
	})
}

func (w *World) h2Farewells(want string) error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	return w.eventually(func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		var frames []string
		for _, f := range c.goAways {
			last := fmt.Sprint(f.last)
			if f.last == 1<<31-1 {
				last = "all"
			}
			frames = append(frames, f.code+" "+last)
		}
		if got := strings.Join(frames, "; "); got != want {
			return fmt.Errorf("got the GOAWAY frames %q, want %q", got, want)
		}
		return nil
	})
}

func (w *World) h2Closed() error {
	c, err := w.spoken()
	if err != nil {
		return err
	}
	c.receive()
	select {
	case <-c.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the connection is still open after %v (GOAWAY: %s)", patience, c.farewell())
	}
}

func (w *World) h2Ended(codes string) error {
	if err := w.h2Closed(); err != nil {
		return err
	}
	if got := w.h2Conn.farewell(); !oneOf(got, codes) {
		return fmt.Errorf("got GOAWAY with %s before the end (%w), want %s", got, w.h2Conn.err, codes)
	}
	return nil
}

func (w *World) h2EndedWithin(codes string, ms int) error {
	if err := w.h2Ended(codes); err != nil {
		return err
	}
	opened, ended := w.h2Conn.opened, w.h2Conn.endedAt
	if took := ended.Sub(opened); took > w.allowed(time.Duration(ms)*time.Millisecond, opened, ended) {
		return fmt.Errorf("the connection was closed after %v, want within %d ms", took, ms)
	}
	return nil
}

func (w *World) h2Alive() error {
	before := 0
	err := w.onH2(func(c *h2Conn) error {
		c.mu.Lock()
		before = c.pongs
		c.mu.Unlock()
		return c.out.WritePing(false, [8]byte{'h', 'e', 'r', 'e'})
	})
	if err != nil {
		return err
	}
	return w.awaitH2(func(c *h2Conn) error {
		if c.pongs <= before {
			return fmt.Errorf("got no answer to a PING (GOAWAYs: %v, end: %v), want one", c.goAways, c.err)
		}
		return nil
	})
}
