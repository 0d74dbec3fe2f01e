package soak

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// How often each event occurs while everything happens at once.
const (
	attackers      = 4
	slowReaders    = 8
	reloadInterval = 700 * time.Millisecond
	reopenInterval = 2 * time.Second
	restartPause   = 3 * time.Second
)

// turmoil is everything that happens to a daemon in addition to a load.
type turmoil struct {
	daemon *Daemon
	load   *Load
	// large is the host whose upstream answers with more than slow readers read.
	large, largeAddr string
	faults           findings
}

// run keeps everything going until the context ends.
func (t *turmoil) run(ctx context.Context) error {
	var running sync.WaitGroup
	for i := range attackers {
		running.Go(func() { t.attack(ctx, i) })
	}
	for i := range slowReaders {
		running.Go(func() { t.readSlowly(ctx, i) })
	}
	running.Go(func() { t.every(ctx, reloadInterval, t.reload) })
	running.Go(func() { t.every(ctx, reopenInterval, t.reopen) })
	running.Go(func() { t.every(ctx, restartPause, t.restart) })
	running.Wait()
	return t.faults.err()
}

// every calls do repeatedly, with the number of the call.
func (t *turmoil) every(ctx context.Context, pause time.Duration, do func(i int) error) {
	for i := 0; ctx.Err() == nil; i++ {
		if err := do(i); err != nil {
			t.faults.add("%v", err)
		}
		wait(ctx, pause)
	}
}

// attack performs one attack after another, each from a different address.
func (t *turmoil) attack(ctx context.Context, i int) {
	all := attacks()
	for n := i; ctx.Err() == nil; n++ {
		at := all[n%len(all)]
		attackCtx, cancel := context.WithTimeout(ctx, attackTime)
		at.perform(attackCtx, t.daemon, net.IPv4(127, 66, 0, byte(1+i)), t.large)
		cancel()
	}
}

// readSlowly repeatedly reads some of a long answer slowly, and leaves.
func (t *turmoil) readSlowly(ctx context.Context, i int) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 77, 0, byte(1+i))}}
	address := fmt.Sprintf("127.0.0.1:%d", t.daemon.Port)
	for ctx.Err() == nil {
		var protocols http.Protocols
		protocols.SetHTTP1(i%2 == 0)
		protocols.SetHTTP2(i%2 == 1)
		transport := &http.Transport{
			Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+t.large+"/large", nil)
		if err != nil {
			t.faults.add("%v", err)
			return
		}
		if response, err := transport.RoundTrip(r); err == nil {
			for range 50 {
				if _, err := io.CopyN(io.Discard, response.Body, 4<<10); err != nil {
					break
				}
				wait(ctx, 100*time.Millisecond)
			}
			_ = response.Body.Close()
		} else {
			wait(ctx, 100*time.Millisecond)
		}
		transport.CloseIdleConnections()
	}
}

// sites returns the sites of the load and that of the long answers.
func (t *turmoil) sites() map[string]string {
	sites := maps.Clone(t.load.Sites())
	sites[t.large] = t.largeAddr
	return sites
}

// reload adds a site, and removes it the next time.
func (t *turmoil) reload(i int) error {
	sites := t.sites()
	if i%2 == 0 {
		sites["added.test"] = t.largeAddr
	}
	return errors.Join(t.daemon.Configure(sites), t.daemon.Signal(syscall.SIGHUP))
}

// reopen moves the log away, as logrotate does, and makes the daemon begin a new one.
func (t *turmoil) reopen(int) error {
	err := os.Rename(t.daemon.logPath(), t.daemon.logPath()+".1")
	if errors.Is(err, os.ErrNotExist) {
		err = nil // the previous signal has not been handled yet
	}
	return errors.Join(err, t.daemon.Signal(syscall.SIGUSR1))
}

// restart stops the unsteady upstream for a moment.
func (t *turmoil) restart(int) error {
	for _, u := range t.load.upstreams {
		if u.host == t.load.unsteady {
			u.stop()
			return u.start()
		}
	}
	return errors.New("no upstream is unsteady")
}
