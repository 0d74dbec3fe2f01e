package steps

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) receivedSteps() []step {
	return []step{
		{`the upstream {string} received {int} request(s)`, w.receivedCount, "Waits until there are that many, and fails if there are more."},
		{`the upstream {string} received nothing`, w.receivedNothing, ""},
		{`the upstream {string} received {string}`, w.receivedRequest, "The method and target of the last request: `GET /a%20b?c`."},
		{`the upstream {string} received no {string}`, w.receivedNoRequest, "No request with that method and target arrived."},
		{`the upstream {string} received the field {string} with {string}`, w.receivedField, "Of the last request, here and below. Exactly one field of that name with that value."},
		{`the upstream {string} received {int} cookies in one field`, w.receivedCookies, "Those of `it opens a stream for … with … cookies`."},
		{`the upstream {string} received no field {string}`, w.receivedNoField, ""},
		{`the upstream {string} received the bytes:`, w.receivedBytes, "The exact head, each line ended by CRLF and the empty line added."},
		{`the upstream {string} received the body {string}`, w.receivedBody, ""},
		{`the upstream {string} received a body of {int} bytes`, w.receivedBodySize, "Waits for it."},
		{`the upstream {string} received the trailer {string} with {string}`, w.receivedTrailer, ""},
		{`the upstream {string} received only the trailer {string} with {string}`, w.receivedOneTrailer, "And no other one."},
		{`the upstream {string} received no complete body`, w.receivedCutBody, "The proxy cancelled the request before its end."},
		{`the upstream {string} received no complete request`, w.receivedNothingWhole, "What it received, if anything, was cancelled."},
		{`the upstream {string} has {int} connection(s) open`, w.upstreamConns, "Waits for it."},
		{`the upstream {string} accepted {int} connection(s)`, w.upstreamAccepted, "Counts connections since the start, not requests."},
		{`the upstream {string} accepted at most {int} connections`, w.upstreamAcceptedAtMost, ""},
		{`the request to the upstream {string} is cancelled`, w.upstreamGone, "The proxy closes the connection of the last request, where the upstream never answers, stops or streams."},
	}
}

// lastReceived returns the last request; it waits until there is one.
func (w *World) lastReceived(name string) (last received, err error) {
	up, err := w.upstream(name)
	if err != nil {
		return last, err
	}
	err = w.eventually(func() error {
		requests := up.received()
		if len(requests) == 0 {
			return fmt.Errorf("the upstream %q has received no request", name)
		}
		last = requests[len(requests)-1]
		return nil
	})
	return last, err
}

func (w *World) receivedCount(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	err = w.eventually(func() error {
		if got := len(up.received()); got < want {
			return fmt.Errorf("got %d requests, want %d", got, want)
		}
		return nil
	})
	if got := len(up.received()); err == nil && got > want {
		err = fmt.Errorf("got %d requests, want %d", got, want)
	}
	return err
}

func (w *World) receivedNothing(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	if got := up.received(); len(got) > 0 {
		return fmt.Errorf("got %d requests, the first %q, want none", len(got), got[0].head)
	}
	return nil
}

func (w *World) receivedRequest(name, want string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := req.method + " " + req.target; got != want {
		return fmt.Errorf("got %q, want %q", clip(got), clip(want))
	}
	return nil
}

func (w *World) receivedNoRequest(name, unwanted string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	for _, req := range up.received() {
		if got := req.method + " " + req.target; got == unwanted {
			return fmt.Errorf("got %q, want no such request", clip(got))
		}
	}
	return nil
}

func (w *World) receivedField(name, field, want string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := values(req.fields, field); len(got) != 1 || got[0] != want {
		return fmt.Errorf("got %s: %q, want one, %q", field, got, want)
	}
	return nil
}

func (w *World) receivedCookies(name string, count int) error {
	var all []string
	for i := range count {
		all = append(all, cookie(i))
	}
	return w.receivedField(name, "Cookie", strings.Join(all, "; "))
}

func (w *World) receivedNoField(name, field string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if got := values(req.fields, field); len(got) > 0 {
		return fmt.Errorf("got %s: %q, want no such field", field, got)
	}
	return nil
}

func (w *World) receivedBytes(name string, text *godog.DocString) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	want, err := rawBytes(text.Content + "\n")
	if err != nil {
		return err
	}
	if req.head != want {
		return fmt.Errorf("got  %q\nwant %q", req.head, want)
	}
	return nil
}

func (w *World) receivedBody(name, want string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if !req.done || !bytes.Equal(req.body, []byte(want)) {
			return fmt.Errorf("got the body %q (to its end: %v), want %q", clip(string(req.body)), req.done, want)
		}
		return nil
	})
}

func (w *World) receivedBodySize(name string, want int) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if !req.done || req.bodyBytes != int64(want) {
			return fmt.Errorf("got a body of %d bytes (to its end: %v), want %d", req.bodyBytes, req.done, want)
		}
		return nil
	})
}

func (w *World) receivedOneTrailer(name, field, want string) error {
	if err := w.receivedTrailer(name, field, want); err != nil {
		return err
	}
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	if len(req.trailers) != 1 {
		return fmt.Errorf("got the trailers %v, want only %s", req.trailers, field)
	}
	return nil
}

func (w *World) receivedTrailer(name, field, want string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if got := value(req.trailers, field); got != want {
			return fmt.Errorf("got the trailers %v, want %s: %s", req.trailers, field, want)
		}
		return nil
	})
}

func (w *World) receivedCutBody(name string) error {
	return w.eventually(func() error {
		req, err := w.lastReceived(name)
		if err != nil {
			return err
		}
		if req.bodyErr == nil {
			return fmt.Errorf("the body of %d bytes has not failed (to its end: %v)", req.bodyBytes, req.done)
		}
		return nil
	})
}

func (w *World) receivedNothingWhole(name string) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		for _, req := range up.received() {
			if req.bodyErr == nil {
				return fmt.Errorf("the body of %d bytes has not failed (to its end: %v)", req.bodyBytes, req.done)
			}
		}
		return nil
	})
}

func (w *World) upstreamConns(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	return w.eventually(func() error {
		if got := up.openConns(); got != want {
			return fmt.Errorf("got %d open connections, want %d", got, want)
		}
		return nil
	})
}

func (w *World) upstreamAccepted(name string, want int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.accepted != want {
		return fmt.Errorf("got %d connections, want %d", up.accepted, want)
	}
	return nil
}

func (w *World) upstreamAcceptedAtMost(name string, most int) error {
	up, err := w.upstream(name)
	if err != nil {
		return err
	}
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.accepted > most {
		return fmt.Errorf("got %d connections, want at most %d", up.accepted, most)
	}
	return nil
}

func (w *World) upstreamGone(name string) error {
	req, err := w.lastReceived(name)
	if err != nil {
		return err
	}
	select {
	case <-req.gone:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the proxy has kept the request to %q open", name)
	}
}
