package steps

import (
	"errors"
	"fmt"

	"golang.org/x/net/http2"
)

func (w *World) goAwaySteps() []step {
	return []step{
		{`a client keeps an idle HTTP/2 connection to {string}`, w.h2Idle, "One that the daemon serves already; without a stream."},
		{`the idle HTTP/2 connection receives GOAWAY with {string} and is closed`, w.h2IdleEnds, "The error code's name: `NO_ERROR`. Waits for it."},
	}
}

func (w *World) h2Idle(url string) error {
	framer, conn, err := w.h2Dial(url)
	if err != nil {
		return err
	}
	w.cleanup(func() error {
		_ = conn.Close() // if all went well, the daemon has closed it
		return nil
	})
	w.h2Framer = framer
	if err := framer.WritePing(false, [8]byte{'h', 'e', 'r', 'e'}); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
			return nil
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			if err := framer.WriteSettingsAck(); err != nil {
				return err
			}
		}
	}
}

func (w *World) h2IdleEnds(code string) error {
	if w.h2Framer == nil {
		return errors.New("there is no idle HTTP/2 connection")
	}
	told := "nothing"
	for {
		frame, err := w.h2Framer.ReadFrame() // the connection's deadline bounds it
		if err != nil {
			if told != code {
				return fmt.Errorf("got %s and then %w, want GOAWAY with %s first", told, err, code)
			}
			return nil
		}
		if goAway, ok := frame.(*http2.GoAwayFrame); ok {
			told = goAway.ErrCode.String()
		}
	}
}
