package proxy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"reverse-proxy/proxy/share"
)

// TestALargeHeadWaitsForAPlace has a single place, which is taken. Other heads of the same client may wait before the one
// that is looked at, or have just stopped waiting.
func TestALargeHeadWaitsForAPlace(t *testing.T) {
	const never = time.Hour
	for _, c := range []struct {
		name   string
		before int           // heads that wait before it
		freed  time.Duration // when the place becomes free, each time that it was taken
		want   time.Duration
		place  bool
	}{
		{"the place becomes free", 0, largeHeadWait / 2, largeHeadWait / 2, true},
		{"the place becomes free just before the head would do without", 0, largeHeadWait - 1, largeHeadWait - 1, true},
		{"the place never becomes free", 0, never, largeHeadWait, false},
		{"the place never becomes free, and others wait too", 3, never, largeHeadWait + 3*largeHeadPause, false},
		{"the place becomes free, and others come first", 3, largeHeadPause / 2, 4 * (largeHeadPause / 2), true},
		{"many others come first, and the place becomes free often", 70, largeHeadPause / 2, 71 * (largeHeadPause / 2), true},
		{"more others come first than the place becomes free for", 400, largeHeadPause * 7 / 10, largeHeadMost, false},
		{"so many wait that a pause between them would be too long", 400, never, largeHeadMost, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				places := &headPlaces{most: 1}
				var client share.Client
				places.join(&client, 0)
				begin := time.Now()
				for range c.before {
					w := places.join(&client, 0)
					go func() {
						if <-w.ended == headHasPlace {
							time.Sleep(c.freed)
							places.give()
						}
					}()
				}
				time.AfterFunc(c.freed, places.give)
				result := <-places.join(&client, 0).ended
				want := headHasNone
				if c.place {
					want = headHasPlace
				}
				if took := time.Since(begin); took != c.want || result != want {
					t.Errorf("waited %v with the result %v, want %v and %v", took, result, c.want, want)
				}
				time.Sleep(largeHeadMost) // until all others have given their places back
			})
		})
	}
}

// TestARequestThatWaitsTwiceWaitsNoLonger has requests that wait for a place, do without one, and wait for another one at once.
// No place becomes free.
func TestARequestThatWaitsTwiceWaitsNoLonger(t *testing.T) {
	for _, c := range []struct {
		requests int
		within   time.Duration
	}{
		{1, largeHeadWait + largeHeadPause},
		{2, largeHeadWait + 3*largeHeadPause},
		{60, largeHeadMost},
		{400, largeHeadMost},
	} {
		t.Run(fmt.Sprint(c.requests), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				places := &headPlaces{most: 1}
				clients := make([]share.Client, 3)
				places.join(nil, 0)
				begin := time.Now()
				var ended sync.WaitGroup
				for i := range c.requests {
					ended.Go(func() {
						client := &clients[i%len(clients)]
						<-places.join(client, 0).ended
						<-places.join(client, time.Since(begin)).ended
					})
				}
				ended.Wait()
				if took := time.Since(begin); took > c.within {
					t.Errorf("they waited for %v, want at most %v", took, c.within)
				}
			})
		})
	}
}

// TestARequestThatHasWaitedComesFirst has requests that have waited before join the line after others.
func TestARequestThatHasWaitedComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &headPlaces{most: 1}
		var client share.Client
		places.join(nil, 0)
		waits := [...]time.Duration{0, 0, 50 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond}
		var waiters []*headWaiter
		for _, waited := range waits {
			waiters = append(waiters, places.join(&client, waited))
		}
		for _, next := range []int{2, 4, 3, 0, 1} {
			places.give()
			if len(waiters[next].ended) != 1 {
				t.Errorf("request %d did not get its place", next)
			}
		}
	})
}

// TestARequestThatHasWaitedDoesWithoutAPlaceBeforeOthers has a request that has waited before join after another client's.
func TestARequestThatHasWaitedDoesWithoutAPlaceBeforeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &headPlaces{most: 1}
		places.join(nil, 0)
		other := places.join(new(share.Client), 0)
		time.Sleep(largeHeadWait / 9)
		begin := time.Now()
		<-places.join(new(share.Client), largeHeadWait/2).ended
		if took := time.Since(begin); took != largeHeadWait/2 {
			t.Errorf("it waited for %v, want %v", took, largeHeadWait/2)
		}
		<-other.ended
	})
}

// TestAHundredHeadsDoWithoutAPlaceOneAfterTheOther looks at when the heads of several clients do without a place that never
// becomes free. None waits for more than largeHeadMost, and few do without at the same time.
func TestAHundredHeadsDoWithoutAPlaceOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &headPlaces{most: 1}
		clients := make([]share.Client, 7)
		places.join(nil, 0)
		begin := time.Now()
		var mu sync.Mutex
		in := map[time.Duration]int{} // by tenths of the time from largeHeadWait to largeHeadMost
		for i := range 100 {
			w := places.join(&clients[i%len(clients)], 0)
			go func() {
				<-w.ended
				mu.Lock()
				defer mu.Unlock()
				in[(time.Since(begin)-largeHeadWait)/((largeHeadMost-largeHeadWait)/10)]++
			}()
		}
		time.Sleep(2 * largeHeadMost)
		synctest.Wait()
		all := 0
		for tenth, n := range in {
			if all += n; tenth < 0 || tenth > 10 || tenth < 9 && n > 20 {
				t.Errorf("%d heads do without in the tenth %d of the time", n, tenth)
			}
		}
		if all != 100 || len(in) < 9 {
			t.Errorf("%d heads did without, in %d tenths of the time", all, len(in))
		}
	})
}

// TestClientsTakeTurnsAtLargeHeads names the client of each head that waits, in the order of arrival, and of each that gets a
// place or does without one.
func TestClientsTakeTurnsAtLargeHeads(t *testing.T) {
	for _, c := range []struct{ name, arrive, want string }{
		{"one client", "aaa", "aaa"},
		{"a client with one head after one with many", "aaaaab", "abaaaa"},
		{"three clients", "aaabbc", "abcaba"},
		{"alternating arrivals", "ababab", "ababab"},
	} {
		for _, free := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, places become free: %v", c.name, free), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					places := &headPlaces{most: 1}
					places.join(nil, 0)
					clients := map[rune]*share.Client{}
					var mu sync.Mutex
					var got strings.Builder
					for _, name := range c.arrive {
						if clients[name] == nil {
							clients[name] = new(share.Client)
						}
						w := places.join(clients[name], 0)
						go func() {
							if result := <-w.ended; (result == headHasPlace) != free {
								t.Errorf("a head of %c: got the result %v", name, result)
							}
							mu.Lock()
							defer mu.Unlock()
							got.WriteRune(name)
						}()
					}
					for range c.arrive {
						if free {
							places.give()
							synctest.Wait()
						}
					}
					time.Sleep(largeHeadWait + time.Duration(len(c.arrive))*largeHeadPause)
					synctest.Wait()
					if got.String() != c.want {
						t.Errorf("got the order %s, want %s", got.String(), c.want)
					}
				})
			})
		}
	}
}

// TestAHeadThatLeavesMakesWayForTheNext ends waits at several places of a line.
func TestAHeadThatLeavesMakesWayForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &headPlaces{most: 1}
		var a, b share.Client
		held := places.join(&a, 0)
		waiters := []*headWaiter{places.join(&a, 0), places.join(&a, 0), places.join(&b, 0), places.join(&a, 0)}
		for _, i := range []int{1, 2} {
			waiters[i].leave(headInterrupted)
			waiters[i].leave(headHasNone) // the first result counts
			if got := <-waiters[i].ended; got != headInterrupted {
				t.Errorf("head %d: got the result %v", i, got)
			}
		}
		held.leave(headInterrupted) // it does not wait
		for _, i := range []int{0, 3} {
			places.give()
			if got := <-waiters[i].ended; got != headHasPlace {
				t.Errorf("head %d: got the result %v", i, got)
			}
		}
		places.give()
		time.Sleep(2 * largeHeadWait)
		synctest.Wait()
		if places.taken.Load() != 0 || len(places.clients) != 0 || places.late != nil {
			t.Errorf("%d places are taken, %d clients wait, and the timer runs: %v; want nothing", places.taken.Load(), len(places.clients), places.late != nil)
		}
	})
}

// TestNoPlaceOfALargeHeadIsLost has many heads of a few clients wait for short and for long, and be interrupted.
func TestNoPlaceOfALargeHeadIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := &headPlaces{most: 3}
		clients := make([]share.Client, 5)
		random := rand.New(rand.NewPCG(1, 2))
		count := map[headWait]int{}
		var mu sync.Mutex
		var ended sync.WaitGroup
		for range 2000 {
			arrival, hold := time.Duration(random.IntN(10_000))*time.Millisecond, time.Duration(random.IntN(40))*time.Millisecond
			interrupted := time.Duration(random.IntN(3000)) * time.Millisecond
			client := &clients[random.IntN(len(clients))]
			ended.Go(func() {
				time.Sleep(arrival)
				w := places.join(client, 0)
				stop := time.AfterFunc(interrupted, func() { w.leave(headInterrupted) })
				defer stop.Stop()
				result := <-w.ended
				mu.Lock()
				count[result]++
				mu.Unlock()
				if taken := places.taken.Load(); taken > 3 {
					t.Errorf("%d places are taken, want at most 3", taken)
				}
				if result == headHasPlace {
					time.Sleep(hold)
					places.give()
				}
			})
		}
		ended.Wait()
		time.Sleep(2 * largeHeadWait)
		synctest.Wait()
		if len(count) != 3 || places.taken.Load() != 0 || len(places.clients) != 0 || places.late != nil {
			t.Errorf("got the results %v; %d places are taken, and %d clients wait", count, places.taken.Load(), len(places.clients))
		}
	})
}

// TestTheWaitForAPlaceCanBeInterrupted cancels a call before or while the head of its response waits for a place.
func TestTheWaitForAPlaceCanBeInterrupted(t *testing.T) {
	for _, size := range []int{smallBufferBytes, upstreamBufferBytes} {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("more than %d bytes, cancelled before: %v", size, before), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ahead := placesFor(1)
					ahead.heads.join(nil, 0)
					ours, theirs := net.Pipe()
					defer ours.Close()
					defer theirs.Close()
					conn := &upstreamConn{lookahead: ahead, Conn: ours}
					call := &upstreamCall{}
					conn.holder = call
					conn.begin()
					conn.takeBack() // the pool may have given a response with a buffer
					conn.buffer = make([]byte, size)
					conn.end = size
					call.use(conn)
					if before {
						call.cancel(errInterrupted)
					} else {
						time.AfterFunc(usualHeadWait/2, func() { call.cancel(errInterrupted) })
					}
					begin := time.Now()
					err := conn.grow()
					if took := time.Since(begin); !errors.Is(err, os.ErrDeadlineExceeded) || took > usualHeadWait/2 {
						t.Errorf("got %v after %v, want the error of an interrupted read", err, took)
					}
					if len(conn.buffer) != size || len(ahead.heads.clients) != 0 {
						t.Errorf("the buffer has %d bytes, and %d clients wait", len(conn.buffer), len(ahead.heads.clients))
					}
					conn.interrupt() // there is nothing to interrupt any more
				})
			})
		}
	}
}
