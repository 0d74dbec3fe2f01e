package steps

import (
	"fmt"
	"time"
)

func (w *World) crowdUseSteps() []step {
	return []step{
		{`the client {string} keeps its connection to {string} over {int} requests, while the client {string} opens another one before each`, w.keepsConnection, "Both clients are answered 200. A connection that its client has not used for four seconds is not judged, as a slow machine may be why."},
	}
}

// judgedIdle bounds how long a connection may have been idle to be judged. The proxy keeps it for five seconds (S-12.2).
const judgedIdle = 4 * time.Second

func (w *World) keepsConnection(client, url string, count int, other string) error {
	request, err := w.newConnectionTo(url)
	if err != nil {
		return err
	}
	if err := w.getAs(client, url); err != nil {
		return err
	}
	used, end := w.exchange.started, time.Now().Add(2*patience)
	for judged := 0; judged < count; {
		if time.Now().After(end) {
			return fmt.Errorf("only %d requests within %v came soon enough after the ones before", judged, 2*patience)
		}
		if status, err := request(other); err != nil || status != 200 {
			return fmt.Errorf("got %d for the client %q (error: %w), want 200", status, other, err)
		}
		idle := time.Since(used)
		if err := w.getAs(client, url); err != nil {
			return err
		}
		if err := w.answerIs(200); err != nil {
			return err
		}
		used = w.exchange.started
		if idle > judgedIdle {
			continue
		}
		if err := w.answerKept(); err != nil {
			return fmt.Errorf("request %d, %v after the one before: %w", judged+1, idle, err)
		}
		judged++
	}
	return nil
}
