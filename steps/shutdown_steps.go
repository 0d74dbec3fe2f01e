package steps

import (
	"fmt"
	"strings"
)

func (w *World) shutdownSteps() []step {
	return []step{
		{`the proxy is sent {word} {int} times`, w.signalTimes, "One after the other, without waiting for anything."},
		{`the service manager is told a status with {string}`, w.toldStatus, "Part of a STATUS= line. Waits for it."},
		{`clients that stop when connections are refused load {string}`, w.startLoadUntilRefused,
			"Four clients, over HTTP/1.1 and HTTP/2, each request after the other."},
		{`every request that was sent was answered`, w.endLoadUntilRefused,
			"All with 200, until connecting was refused; waits until each client has got there."},
	}
}

func (w *World) signalTimes(name string, times int) error {
	sig, err := signalByName(name)
	if err != nil {
		return err
	}
	for range times {
		if err := w.daemon.signal(sig); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) toldStatus(part string) error {
	return w.eventually(func() error {
		for _, message := range w.notify.messages() {
			for line := range strings.Lines(message) {
				if status, ok := strings.CutPrefix(line, "STATUS="); ok && strings.Contains(status, part) {
					return nil
				}
			}
		}
		return fmt.Errorf("got %q, want a STATUS with %q", w.notify.messages(), part)
	})
}

// startLoadUntilRefused is a load whose clients end by themselves when the daemon has closed its port.
func (w *World) startLoadUntilRefused(url string) error { return w.startLoad(url, true) }

func (w *World) endLoadUntilRefused() error { return w.load.await() }
