package soak

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	// restartLook is how often a command is repeated until it shows what is awaited.
	restartLook = 20 * time.Millisecond
	// restartSeconds is for how many seconds' worth of requests each upstream is away.
	restartSeconds = 1
)

// inFlight finds the numbers of requests in flight in what status prints.
var inFlight = regexp.MustCompile(`"in_flight": ?(\d+)`)

// Restart restarts one upstream after another under the load. It drains each of them before and puts it back afterwards
// (S-18.6). Then it restarts all of them at once while the site is paused. It returns the number of requests a second,
// and an error if one was lost or sent twice. The load must have a Rate, and the daemon an admin socket and no other
// site with several upstreams.
func (b *Balanced) Restart(d *Daemon) (rate float64, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		b.run(ctx)
	}()
	err = b.await(b.Rate)
	for _, m := range b.members {
		if err == nil {
			err = b.restartDrained(d, m)
		}
	}
	if err == nil {
		err = b.restartPaused(d)
	}
	took := time.Since(began)
	cancel()
	<-ended
	return float64(len(b.results)) / took.Seconds(), errors.Join(err, b.judgeRestart())
}

// restartDrained drains one upstream and restarts it, so that no request is cut off.
func (b *Balanced) restartDrained(d *Daemon, m *member) error {
	if err := b.until("the upstream is idle", func() (bool, error) {
		text, err := d.command("drain", b.host, m.address(), "--text")
		return strings.Contains(text, ": idle"), err
	}); err != nil {
		return err
	}
	m.hangUp()
	if err := b.awaitMore(); err != nil {
		return err
	}
	if err := m.listen(); err != nil {
		return err
	}
	before := m.requests()
	if _, err := d.command("undrain", b.host, m.address(), "--text"); err != nil {
		return err
	}
	return b.until("the upstream gets requests again", func() (bool, error) { return m.requests() > before, nil })
}

// restartPaused restarts all upstreams at once. In the meantime requests wait.
func (b *Balanced) restartPaused(d *Daemon) error {
	if _, err := d.command("pause", b.host); err != nil {
		return err
	}
	if err := b.until("no request is in flight", func() (bool, error) {
		text, err := d.command("status")
		found := inFlight.FindAllStringSubmatch(text, -1)
		for _, number := range found {
			if number[1] != "0" {
				return false, err
			}
		}
		return len(found) >= len(b.members), err
	}); err != nil {
		return err
	}
	for _, m := range b.members {
		m.hangUp()
	}
	for _, m := range b.members {
		if err := m.listen(); err != nil {
			return err
		}
	}
	if _, err := d.command("resume", b.host); err != nil {
		return err
	}
	return b.awaitMore()
}

// awaitMore waits until the load has made the requests of restartSeconds.
func (b *Balanced) awaitMore() error {
	b.mu.Lock()
	made := len(b.results)
	b.mu.Unlock()
	return b.await(made + restartSeconds*b.Rate)
}

// until waits until a look shows what is awaited.
func (b *Balanced) until(what string, look func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), churnPatience)
	defer cancel()
	for {
		if ok, err := look(); ok || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("it took longer than %v until %s", churnPatience, what)
		}
		wait(ctx, restartLook)
	}
}

// requests returns how many requests have reached the member.
func (m *member) requests() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}

// judgeRestart checks that every request was answered, and sent once.
func (b *Balanced) judgeRestart() error {
	var faults findings
	for _, r := range b.results {
		times := 0
		for _, m := range b.members {
			times += m.times(r.id)
		}
		if r.failed() || times != 1 {
			faults.add("%s %s: %d, %v, sent %d times", r.method, r.id, r.status, r.err, times)
		}
	}
	if len(b.results) == 0 {
		return errNoRequests
	}
	return faults.err()
}
