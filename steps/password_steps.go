package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func (w *World) passwordSteps() []step {
	return []step{
		{`{int} clients flood {string} with wrong passwords`, w.floodPasswords, "Each with an address of its own, one request after the other and each with another password; a single client sends 32 at the same time. After a 429 they wait for a second. Waits for the first answers 401, and continues until the end of the scenario."},
	}
}

// busyPause is how long a client waits after it was told that too many passwords are to be verified.
const busyPause = time.Second

// crowdOfOne is the number of requests that a single client has on the way at once.
const crowdOfOne = 32

// floodPasswords sends wrong passwords of the user ann until the scenario ends.
func (w *World) floodPasswords(clients int, url string) error {
	host, ok := strings.CutPrefix(url, "https://")
	if !ok {
		return fmt.Errorf("%q is not an https URL", url)
	}
	host, _, _ = strings.Cut(host, "/")
	address, err := w.dialAddress("https", host, 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var members sync.WaitGroup
	var refused, sent atomic.Int64
	w.cleanup(func() error { cancel(); members.Wait(); return nil })
	for i := range max(clients, crowdOfOne) {
		from := net.IPv4(127, 240, byte(i>>8), byte(i))
		if clients == 1 {
			from = net.IPv4(127, 240, 0, 1)
		}
		transport := &http.Transport{TLSClientConfig: w.clientTLS(host, false), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return w.dialFrom(ctx, from.String(), address)
		}}
		members.Go(func() {
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					return
				}
				request.SetBasicAuth("ann", fmt.Sprint("wrong ", sent.Add(1)))
				answer, err := transport.RoundTrip(request)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if answer.StatusCode == http.StatusUnauthorized {
					refused.Add(1)
					continue
				}
				select {
				case <-time.After(busyPause):
				case <-ctx.Done():
				}
			}
		})
	}
	return w.eventually(func() error {
		if refused.Load() == 0 {
			return errors.New("no password was refused with 401 yet")
		}
		return nil
	})
}
