package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdleWatch(t *testing.T) {
	const timeout = 60 * time.Second
	for _, test := range []struct {
		name string
		run  func(w *idleWatch)
		want time.Duration // after which expire is called; 0 for never within ten minutes
	}{
		{"a body that stands still from the first is cut", func(w *idleWatch) { w.begin() }, timeout},
		{"nothing is cut while no body is on its way", func(*idleWatch) {}, 0},
		{"a body that has ended is not waited for", func(w *idleWatch) { w.begin(); w.end() }, 0},
		{"the clock starts again at each byte", func(w *idleWatch) {
			w.begin()
			for range 5 {
				time.Sleep(50 * time.Second)
				w.moved(1)
			}
		}, 250*time.Second + timeout},
		{"a read of no bytes is no movement", func(w *idleWatch) {
			w.begin()
			time.Sleep(30 * time.Second)
			w.moved(0)
		}, timeout},
		{"the wait between two bodies does not count", func(w *idleWatch) {
			w.begin()
			w.end()
			time.Sleep(5 * time.Minute)
			w.begin()
		}, 5*time.Minute + timeout},
		{"one body that moves keeps the other", func(w *idleWatch) {
			w.begin()
			w.begin()
			time.Sleep(40 * time.Second)
			w.moved(10)
			w.end()
		}, 40*time.Second + timeout},
		{"a watch that was stopped never fires", func(w *idleWatch) { w.begin(); w.stop() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				fired := make(chan time.Duration, 2)
				w := newIdleWatch(timeout, func() { fired <- time.Since(start) })
				defer w.stop()
				test.run(w)
				time.Sleep(10*time.Minute - time.Since(start))
				synctest.Wait()
				var got time.Duration
				select {
				case got = <-fired:
				default:
				}
				// The timer is set again only when it fires, which makes it late by nothing: it computes what is left.
				if got != test.want {
					t.Errorf("expired after %v, want %v (0: never)", got, test.want)
				}
				if len(fired) > 0 {
					t.Error("expired twice")
				}
			})
		})
	}
}

func TestANilWatchTakesMovement(t *testing.T) {
	var w *idleWatch
	w.moved(1)
	w.end()
}
