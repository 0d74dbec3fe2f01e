package proxy

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"reverse-proxy/proxy/deadline"
)

// fill makes so many streams begin.
func (r *h2Room) fill(streams int) {
	for range streams {
		r.enter()
	}
}

// TestOnlySoManyStreamsOfAllClientsHaveBegun has many goroutines of many clients wait, each for as many streams as a
// connection may have, and lets streams run one at a time.
func TestOnlySoManyStreamsOfAllClientsHaveBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r h2Room
		r.fill(maxBegunStreams)
		const clients, connections = 20, 8
		begun := make(chan int, clients*connections)
		for range clients {
			line := &h2RoomLine{}
			for range connections {
				go func() {
					r.await(line, maxConcurrentStreams)
					r.fill(maxConcurrentStreams)
					r.leave(maxConcurrentStreams)
					begun <- maxConcurrentStreams
				}()
			}
		}
		synctest.Wait()
		left := maxBegunStreams + clients*connections*maxConcurrentStreams
		for ; left > 0; left-- {
			if taken := r.taken.Load(); taken < 1 || taken > maxBegunStreams {
				t.Fatalf("%d streams have begun with %d left to run, want 1 to %d", taken, left, maxBegunStreams)
			}
			r.leave(1)
			synctest.Wait()
		}
		if len(begun) != clients*connections || r.taken.Load() != 0 || r.waiting.Load() != 0 || len(r.clients) != 0 {
			t.Errorf("%d goroutines had room, %d streams have begun, %d goroutines of %d clients wait; want %d and none",
				len(begun), r.taken.Load(), r.waiting.Load(), len(r.clients), clients*connections)
		}
	})
}

// TestClientsTakeTurnsToBeginStreams has a client with one connection arrive after one with many.
func TestClientsTakeTurnsToBeginStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r h2Room
		r.fill(maxBegunStreams)
		var order []string
		wait := func(name string, line *h2RoomLine) {
			go func() {
				r.await(line, maxConcurrentStreams)
				order = append(order, name)
			}()
			synctest.Wait()
		}
		many, one := &h2RoomLine{}, &h2RoomLine{}
		for _, name := range []string{"first of many", "second of many", "third of many"} {
			wait(name, many)
		}
		wait("one", one)
		for range 4 {
			r.leave(maxConcurrentStreams)
			synctest.Wait()
		}
		if want := []string{"first of many", "one", "second of many", "third of many"}; !slices.Equal(order, want) {
			t.Errorf("got room in the order %q, want %q", order, want)
		}
	})
}

// TestRoomForStreamsGoesToThoseThatWait has room for a few streams, but not for those that a goroutine waits for.
func TestRoomForStreamsGoesToThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r h2Room
		r.fill(maxBegunStreams - 1)
		if !r.open() {
			t.Error("there is no room although one more stream may begin")
		}
		r.fill(1)
		if r.open() {
			t.Error("there is room although no more stream may begin")
		}
		go r.await(&h2RoomLine{}, 2)
		synctest.Wait()
		r.leave(1)
		if r.open() {
			t.Error("there is room for others although a goroutine waits for it")
		}
		r.leave(1)
		synctest.Wait()
		if r.waiting.Load() != 0 || r.taken.Load() != maxBegunStreams {
			t.Errorf("%d goroutines wait, and %d streams have begun or may; want none and %d", r.waiting.Load(), r.taken.Load(), maxBegunStreams)
		}
	})
}

// TestFramesOfAllClientsAreParsedOnlyIfThereIsRoom fills the room and sends a request of a client with one connection, and
// one of a client with a crowd of connections, which must not keep its turn meanwhile.
func TestFramesOfAllClientsAreParsedOnlyIfThereIsRoom(t *testing.T) {
	for _, test := range []struct{ name, address string }{{"a client with one connection", "127.0.0.2"}, {"a client with a crowd", "127.0.0.1"}} {
		t.Run(test.name, func(t *testing.T) {
			leaks(t)
			p := newTurnTest(t)
			room := &p.registry.room
			c := newH2ClientOn(t, clientOf(p.dialFrom(t, test.address), "h2"))
			c.sync()
			room.fill(maxBegunStreams)
			c.request(1, "GET", "/", true)
			waitFor(t, "the goroutine to wait", func() bool { return room.waiting.Load() == 1 })
			waitFor(t, "all turns to be free", func() bool { return len(p.account.turns.Load().taken) == 0 })
			p.answered(t, "127.0.0.3") // over HTTP/1.1
			room.leave(maxBegunStreams)
			if s := c.answer(1); len(s.heads) != 1 {
				t.Errorf("got %q when there was room, want an answer", s.heads)
			}
			waitFor(t, "all room to be given back", func() bool { return room.taken.Load() == 0 && room.waiting.Load() == 0 })
		})
	}
}

// TestAStreamLeavesTheRoomWhenItWaits makes requests that wait for an upstream, for their body, and for their client.
func TestAStreamLeavesTheRoomWhenItWaits(t *testing.T) {
	leaks(t)
	p := newTurnTest(t)
	room := &p.registry.room
	c := newH2ClientOn(t, clientOf(p.dialFrom(t, "127.0.0.2"), "h2"), http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	c.sync()
	c.request(1, "GET", "/silent", true)
	waitFor(t, "the request to be in flight", func() bool { return p.pipeline.inFlight.Load() == 1 })
	waitFor(t, "the stream that waits for its upstream to leave", func() bool { return room.taken.Load() == 0 })
	c.request(3, "POST", "/", false)
	waitFor(t, "both requests to be in flight", func() bool { return p.pipeline.inFlight.Load() == 2 })
	waitFor(t, "the stream that waits for its body to leave", func() bool { return room.taken.Load() == 0 })
	c.request(5, "GET", "/", true)
	waitFor(t, "all three requests to be in flight", func() bool { return p.pipeline.inFlight.Load() == 3 })
	waitFor(t, "the stream that waits for its client to leave", func() bool { return room.taken.Load() == 0 })
}

// TestAStreamHasRoomUntilItHasItsPlace checks that a stream keeps its room while it asks for a connection to its upstream, when
// it no longer has a turn, and leaves once, when it is placed or waits for something else.
func TestAStreamHasRoomUntilItHasItsPlace(t *testing.T) {
	for _, test := range []struct {
		name  string
		leave func(*exchange)
	}{
		{"it has got its place", (*exchange).placed},
		{"it was answered", func(x *exchange) { x.turn.give() }},
		{"it waits for its place", func(x *exchange) {
			_ = x.await(time.Minute, func(context.Context) {})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r h2Room
			x := &exchange{timer: &deadline.Timer{Sweeper: deadline.NewSweeper()}}
			x.turn.room = &r
			r.enter()
			x.turn.pause()
			if r.taken.Load() != 1 {
				t.Error("a stream that gives its turn back leaves the room")
			}
			test.leave(x)
			x.placed()
			if r.taken.Load() != 0 {
				t.Errorf("%d streams are in the room, want none", r.taken.Load())
			}
		})
	}
}

// TestAStreamThatAsksForAConnectionHasRoom keeps a request from looking for a connection to its upstream.
func TestAStreamThatAsksForAConnectionHasRoom(t *testing.T) {
	leaks(t)
	p := newTurnTest(t)
	room := &p.registry.room
	c := newH2ClientOn(t, clientOf(p.dialFrom(t, "127.0.0.2"), "h2"))
	c.sync()
	p.pipeline.upstreams.mu.Lock()
	c.request(1, "GET", "/silent", true)
	waitFor(t, "the request to be in flight", func() bool { return p.pipeline.inFlight.Load() == 1 })
	for range 3 {
		c.sync()
	}
	if room.taken.Load() != 1 {
		t.Errorf("%d streams are in the room while one asks for a connection, want 1", room.taken.Load())
	}
	p.pipeline.upstreams.mu.Unlock()
	waitFor(t, "the stream to leave", func() bool { return room.taken.Load() == 0 })
}

// TestInputWithoutACompleteFrameNeedsNoRoom sends a part of a request while there is no room.
func TestInputWithoutACompleteFrameNeedsNoRoom(t *testing.T) {
	h := &h2Conn{}
	in := make([]byte, 64)
	copy(in, []byte{0, 0, 20, 1}) // HEADERS of 20 bytes
	for end, want := range map[int]bool{0: false, 8: false, 9: false, 28: false, 29: true, 40: true} {
		if h.in, h.end = &in, end; h.hasFrame() != want {
			t.Errorf("with %d bytes: hasFrame is %v, want %v", end, !want, want)
		}
	}
}

// TestManyStreamsRunBeforeMoreBegin has one processor, so that a goroutine that yields runs again only after others.
func TestManyStreamsRunBeforeMoreBegin(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, tt := range []struct {
		name  string
		begun int
		// runnable is how many of the streams leave the room when their goroutine runs. The others never do.
		runnable, least, most int
	}{
		{"many streams run first", 3 * cachedStreams, 3 * cachedStreams, 0, cachedStreams},
		{"streams that do not run are not waited for", 3 * cachedStreams, 0, 3 * cachedStreams, 3 * cachedStreams},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newH2Room()
			r.fill(tt.begun)
			var tasks sync.WaitGroup
			for range tt.runnable {
				tasks.Go(func() { r.leave(1) })
			}
			r.letRun()
			if got := int(r.taken.Load()); got < tt.least || got > tt.most {
				t.Errorf("%d streams are still in the room, want %d to %d", got, tt.least, tt.most)
			}
			tasks.Wait()
		})
	}
}

// TestFewStreamsDoNotDelayMore has one processor, so that the streams run only if letRun yields. The scheduler may interrupt
// the test between two lines, which looks the same. Therefore one attempt of many has to succeed.
func TestFewStreamsDoNotDelayMore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 100 {
		r := newH2Room()
		r.fill(cachedStreams)
		var tasks sync.WaitGroup
		for range cachedStreams {
			tasks.Go(func() { r.leave(1) })
		}
		r.letRun()
		left := r.taken.Load()
		tasks.Wait()
		if left == cachedStreams {
			return
		}
	}
	t.Errorf("%d streams ran before more could begin, want none to", cachedStreams)
}
