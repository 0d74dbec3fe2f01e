package proxy

import (
	"context"
	"errors"
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
