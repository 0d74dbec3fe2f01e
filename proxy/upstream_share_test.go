package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/share"
)

func TestWaitingForAConnectionEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newUpstreams(1)
		pool := newUpstreamPool(all)
		others := &upstreamCall{owner: &lonelyOwner{}, client: &share.Client{}}
		held, err := pool.acquire(t.Context(), others)
		if err != nil {
			t.Fatal(err)
		}
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = newUpstreamPool(all).acquire(late, nil)
		if !isTimeout(err) || err.Error() != "all 1 connections to upstreams (max_connections) stayed in use: context deadline exceeded" {
			t.Errorf("got %v, want a timeout that names the limit", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := pool.acquire(gone, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the cancellation", err)
		}
		pool.drop(held)
		if _, err := pool.acquire(t.Context(), nil); err != nil || all.slots.Wanted() != 0 {
			t.Errorf("the slot that came free: %v, and %d wait", err, all.slots.Wanted())
		}
	})
}

func TestAConnectionThatComesWithTheEndOfTheWaitIsNotLost(t *testing.T) {
	for range 200 {
		all := newUpstreams(1)
		pool := newUpstreamPool(all)
		held, err := pool.acquire(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		held.Conn = &countedConn{}
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() {
			if conn, err := pool.acquire(ctx, nil); err == nil {
				pool.drop(conn)
			}
		})
		both.Go(func() { pool.put(held) })
		both.Go(cancel)
		both.Wait()
		if conn := pool.takeNewest(); conn != nil {
			pool.discard(conn)
		}
		short, end := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := pool.acquire(short, nil); err != nil {
			t.Fatalf("the only slot is lost: %v", err)
		}
		end()
	}
}

// TestAConnectionThatHadTooLittleTimeBlamesNoUpstream holds that an upstream is not at fault if a request waits for most of its
// time until a connection is free, because clients could take healthy upstreams out of service in this way (S-18.5).
func TestAConnectionThatHadTooLittleTimeBlamesNoUpstream(t *testing.T) {
	for _, test := range []struct {
		name string
		// waits reports whether the only connection is in use for most of the time.
		waits  bool
		blamed bool
	}{
		{"after a long wait for a connection", true, false},
		{"without a wait", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			const patience = 2 * time.Second
			all := newUpstreams(1)
			t.Cleanup(all.close)
			to := siteTo("a", silentServer(t), "https") // its handshake never ends
			to.config.ConnectTimeout, to.config.RequestTimeout = patience, time.Minute
			other := &upstreamCall{owner: &lonelyOwner{}, to: all.target(to, 0), client: &share.Client{}}
			c := &upstreamCall{owner: &lonelyOwner{}, to: other.to}
			if test.waits {
				held, err := other.to.pool.acquire(t.Context(), other)
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(patience*3/4, func() { other.to.pool.drop(held) })
			}
			_, _, err := c.sendAlone(&Request{Method: "GET", Target: "/", Authority: "a.test"}, nil)
			if !isTimeout(err) {
				t.Fatalf("got %v, want a timeout", err)
			}
			if got := c.blames(err); got != test.blamed {
				t.Errorf("%v blames the upstream: got %v, want %v", err, got, test.blamed)
			}
			c.triesLeft = 1
			if got := c.mayGoElsewhere(err); got != test.blamed {
				t.Errorf("may go to another upstream, which has no connection either: got %v, want %v", got, test.blamed)
			}
		})
	}
}

// TestHowMuchTimeAnAttemptNeedsToBlameAnUpstream tests which attempts to connect have had so little time that they show nothing.
func TestHowMuchTimeAnAttemptNeedsToBlameAnUpstream(t *testing.T) {
	const most = 4 * time.Second
	for _, test := range []struct {
		name   string
		waited time.Duration
		others int
		want   bool
	}{
		{"no wait", 0, 0, false},
		{"half of the time", 2 * time.Second, 0, false},
		{"more than half of the time", 2*time.Second + 1, 0, true},
		{"all of the time", 4 * time.Second, 0, true},
		{"more than all of the time", 5 * time.Second, 0, true},
		{"more than half, and the attempt may only have a quarter", 2*time.Second + 1, 3, false},
		{"so much that not even half of the quarter is left", 3*time.Second + 501*time.Millisecond, 3, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := hadTooLittle(most, test.waited, test.others); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// silentServer accepts connections, and neither reads nor writes. It returns its address.
func silentServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close() // only Accept waits for it
		<-ended
		for _, conn := range conns {
			_ = conn.Close() // nothing was sent on it
		}
	})
	return ln.Addr().String()
}
