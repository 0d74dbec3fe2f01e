package steps

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cucumber/godog"
)

func (w *World) reloadSteps() []step {
	return []step{
		{`the configuration file is written`, w.writeConfig, "With the current settings; the daemon is not told."},
		{`the configuration file is {word} for {int} ms`, w.configGap, "`empty` or `missing`, and then with the current settings. Does not wait for that."},
		{`the configuration is reloaded`, w.reload, "Writes the file, sends SIGHUP and waits for the success in the log."},
		{`a reload is requested`, w.requestReload, "Writes the file and sends SIGHUP. Does not wait for the reload."},
		{`reloads are requested until one is refused with {string}`, w.reloadUntilRefused, "By SIGHUP, without writing the file. The text is a part of an error in the log."},
		{`the reload is refused`, w.reloadRefused, "The one requested last. Waits for its line in the log."},
		{`the reload is refused with:`, w.reloadRefusedWith, "The same; each row of the table is a key and a part of its error, each logged as CONFIG_ERROR."},
		{`the configuration is reloaded {int} times`, w.reloadTimes, "Each by SIGHUP, and each waited for."},
		{`a steady load on {string}`, w.startSteadyLoad, "Requests one after the other by four clients, over HTTP/1.1 and HTTP/2, until the next sentence."},
		{`the load has made {int} requests`, w.loadHasMade, "Of all its clients together. Waits for it."},
		{`the load makes {int} more requests`, func(more int) error { return w.loadMakes(w.load.made.Load() + int64(more)) }, "The same, counted from now on. Stops waiting when a client has failed."},
		{`the steady load has lost no request`, w.endLoad, "All were answered 200, and there were some since the load began."},
	}
}

// configGap leaves the configuration file empty or missing for a while, like a program that replaces it in place.
func (w *World) configGap(state string, ms int) error {
	text, err := w.config.text()
	if err != nil {
		return err
	}
	switch state {
	case "empty":
		err = os.Truncate(w.configPath(), 0)
	case "missing":
		err = os.Remove(w.configPath())
	default:
		err = fmt.Errorf("got the state %q, want empty or missing", state)
	}
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	time.AfterFunc(time.Duration(ms)*time.Millisecond, func() {
		written <- os.WriteFile(w.configPath(), []byte(text), 0o600)
	})
	w.cleanup(func() error { return <-written })
	return nil
}

// requestReload writes the configuration and sends SIGHUP. The lines of the reload are the new ones of the log.
func (w *World) requestReload() error {
	if err := w.writeConfig(); err != nil {
		return err
	}
	return w.sendSignal("SIGHUP")
}

// reloadEnds waits for the line of the requested reload and checks its status.
func (w *World) reloadEnds(status string) error {
	line, err := w.awaitLine("CONFIG_RELOAD", nil, w.logMark)
	if err == nil && !line.matches("CONFIG_RELOAD", map[string]string{"status": status}) {
		err = fmt.Errorf("got the line %s %v, want the status %s", line.level, line.values, status)
	}
	return err
}

func (w *World) reload() error {
	if err := w.requestReload(); err != nil {
		return err
	}
	return w.reloadEnds("success")
}

func (w *World) reloadRefused() error { return w.reloadEnds("error") }

func (w *World) reloadRefusedWith(table *godog.Table) error {
	errors, err := pairs(table)
	if err != nil {
		return err
	}
	if err := w.reloadRefused(); err != nil {
		return err
	}
	for _, want := range errors {
		if _, err := w.awaitLine("CONFIG_ERROR", map[string]string{"key": want[0], "error": "~" + want[1]}, w.logMark); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) reloadTimes(times int) error {
	for range times {
		if err := w.reload(); err != nil {
			return err
		}
	}
	return nil
}

// load is a steady stream of requests.
type load struct {
	stop    chan struct{}
	results chan loadResult
	clients int
	// made counts the answered requests.
	made atomic.Int64
	// untilRefused makes a client end without a failure when a connection is refused.
	untilRefused bool
}

// loadResult is the result of one client of a load.
type loadResult struct {
	requests int
	err      error
}

func (w *World) startSteadyLoad(url string) error { return w.startLoad(url, false) }

func (w *World) startLoad(url string, untilRefused bool) error {
	l := &load{stop: make(chan struct{}), results: make(chan loadResult, 4), untilRefused: untilRefused}
	for i := range cap(l.results) {
		r := request{url: url, proto: []string{"HTTP/1.1", "HTTP/2"}[i%2], client: fmt.Sprintf("load %d", i)}
		// The first request is made here, so that the load is running when the step ends, and because a World's maps
		// belong to the goroutine of its steps.
		x, err := w.send(r)
		if err != nil {
			return err
		}
		if err := x.expect(200); err != nil {
			return err
		}
		next, err := w.repeater(r)
		if err != nil {
			return err
		}
		l.clients++
		go func() { l.results <- l.client(func() error { return next().expect(200) }) }()
	}
	w.load = l
	w.cleanup(func() error { return l.end() })
	return nil
}

// client makes requests until the load is stopped.
func (l *load) client(next func() error) (result loadResult) {
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-l.stop:
			return result
		case <-pause.C:
		}
		err := next()
		if l.untilRefused && errors.Is(err, syscall.ECONNREFUSED) {
			return result // this request was never sent
		}
		if err != nil {
			result.err = fmt.Errorf("request %d: %w", result.requests+1, err)
			return result
		}
		result.requests++
		l.made.Add(1)
	}
}

// end stops the load once, and returns the first error.
func (l *load) end() error {
	select {
	case <-l.stop:
		return nil
	default:
		close(l.stop)
	}
	return l.await()
}

// await waits until every client has ended and returns the first error.
func (l *load) await() error {
	var failed error
	for ; l.clients > 0; l.clients-- {
		result := <-l.results
		if failed == nil && result.err != nil {
			failed = result.err
		}
		if failed == nil && result.requests == 0 {
			failed = fmt.Errorf("a client of the load has made no request")
		}
	}
	return failed
}

func (w *World) loadHasMade(want int) error {
	return w.eventually(func() error {
		if got := w.load.made.Load(); got < int64(want) {
			return fmt.Errorf("got %d requests, want %d", got, want)
		}
		return nil
	})
}

func (w *World) endLoad() error { return w.load.end() }

// expect waits for the end of the exchange and checks its status.
func (x *exchange) expect(status int) error {
	if err := x.wait(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return fmt.Errorf("%s: got the error %w, want %d", clip(x.request.url), x.err, status)
	}
	if x.status != status {
		return fmt.Errorf("%s: got %d %q, want %d", clip(x.request.url), x.status, clip(string(x.body)), status)
	}
	return nil
}

// reloadUntilRefused requests reloads until one is refused with the problem: hitting a change of the file takes some luck.
func (w *World) reloadUntilRefused(problem string) error {
	return w.eventually(func() error {
		if err := w.sendSignal("SIGHUP"); err != nil {
			return err
		}
		if err := w.reloadRefused(); err != nil {
			return err
		}
		line, err := w.awaitLine("CONFIG_ERROR", nil, w.logMark)
		if err == nil && !line.matches("CONFIG_ERROR", map[string]string{"error": "~" + problem}) {
			err = fmt.Errorf("got the error %q, want one with %q", line.values["error"], problem)
		}
		return err
	})
}
