package proxy

import (
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// busyCrowd is a number of goroutines that always have something to do, on one processor.
type busyCrowd struct {
	rests  []atomic.Int64
	total  atomic.Int64
	stop   atomic.Bool
	ending sync.WaitGroup
}

// startBusyCrowd starts n goroutines that rest in the queue, and waits until each has rested.
func startBusyCrowd(t *testing.T, n int, queue func() *busyQueue) *busyCrowd {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	c := &busyCrowd{rests: make([]atomic.Int64, n)}
	t.Cleanup(func() {
		c.stop.Store(true)
		c.ending.Wait()
		runtime.GOMAXPROCS(before)
	})
	q := queue()
	for i := range n {
		c.ending.Go(func() {
			p := pace{queue: q}
			for !c.stop.Load() {
				c.rests[i].Add(1)
				c.total.Add(1)
				p.rest()
			}
		})
	}
	waitFor(t, "all goroutines to rest", func() bool {
		return !slices.ContainsFunc(c.counts(), func(rests int64) bool { return rests < 2 })
	})
	return c
}

// counts returns how often each goroutine has rested.
func (c *busyCrowd) counts() []int64 {
	counts := make([]int64, len(c.rests))
	for i := range c.rests {
		counts[i] = c.rests[i].Load()
	}
	return counts
}

// TestAGoroutineThatHasWaitedRunsBeforeMostBusyOnes counts how many busy goroutines run before one that has just become
// ready. Without the queue, all of them do.
func TestAGoroutineThatHasWaitedRunsBeforeMostBusyOnes(t *testing.T) {
	leaks(t)
	const crowd = 300
	c := startBusyCrowd(t, crowd, newBusyQueue)
	var waits []int64
	for range 101 {
		before := c.total.Load()
		runtime.Gosched() // goes to the end of the scheduler's queue
		waits = append(waits, c.total.Load()-before)
	}
	slices.Sort(waits)
	if got := waits[len(waits)/2]; got > crowd/10 {
		t.Errorf("%d of %d busy goroutines ran first, want at most %d", got, crowd, crowd/10)
	}
}

func TestBusyGoroutinesTakeTurns(t *testing.T) {
	leaks(t)
	c := startBusyCrowd(t, 10, newBusyQueue)
	first := c.counts()
	waitFor(t, "a thousand rests", func() bool { return c.total.Load() > 1000 })
	var rests []int64
	for i, n := range c.counts() {
		rests = append(rests, n-first[i])
	}
	if least, most := slices.Min(rests), slices.Max(rests); least < most/2 {
		t.Errorf("the goroutines have rested %v times, want about equally often", rests)
	}
}

// TestNoBusyGoroutineIsForgotten makes goroutines enter and leave the queue on all processors.
func TestNoBusyGoroutineIsForgotten(t *testing.T) {
	leaks(t)
	q := newBusyQueue()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			p := pace{queue: q}
			for range 500 {
				p.rest()
			}
		})
	}
	all.Wait()
	if ready, waiting := q.ready.Load(), q.waiting.Load(); ready != 0 || waiting != 0 || len(q.queue) != 0 {
		t.Errorf("at the end %d goroutines are ready and %d wait (%d queued), want none", ready, waiting, len(q.queue))
	}
}

// TestClientsAndUpstreamsRestInOneQueue checks the sockets of both sides: a download is busy on either.
func TestClientsAndUpstreamsRestInOneQueue(t *testing.T) {
	leaks(t)
	p := startPath(t, scriptedUpstream(t, nil, answering(okResponse)), nil)
	conn := p.dial(t)
	if err := ask(conn, "/"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the upstream's connection to be idle", func() bool { return p.idleUpstreams() == 1 })
	sockets := map[string]*socket{"the upstream": p.shared.upstreams.pool(p.site, 0).idle[0].socket}
	p.registry.mu.Lock()
	for client := range p.registry.conns {
		sockets["the client"] = client.(*clientConn).socket
	}
	p.registry.mu.Unlock()
	if len(sockets) != 2 || p.registry.busy == nil {
		t.Fatalf("got %d sockets and the queue %p, want 2 and a queue", len(sockets), p.registry.busy)
	}
	for name, s := range sockets {
		if s.readPace.queue != p.registry.busy || s.writePace.queue != p.registry.busy {
			t.Errorf("%s: a goroutine that reads or writes rests elsewhere", name)
		}
	}
}

// TestAGoroutineThatTakesItsTimeNeedNotRest takes steps a second apart. Its queue has no room, so a rest would never end.
func TestAGoroutineThatTakesItsTimeNeedNotRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{queue: &busyQueue{}}
		for range 10 * paceSteps {
			p.step()
			time.Sleep(time.Second)
		}
		rests := false
		for range 2 { // the first lap began before the last pause
			for range paceSteps {
				p.count(false)
			}
			rests = p.mustRest()
		}
		if !rests {
			t.Errorf("after %d steps without a pause the goroutine need not rest", 2*paceSteps)
		}
	})
}

// fullQueue returns a queue without room, and a function that makes room.
func fullQueue() (q *busyQueue, admit func()) {
	q = &busyQueue{}
	return q, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.most = 1
		q.admit()
	}
}

// TestABusyWriterHoldsNoBufferWhileItRests counts the records: one that was written although its Write has not returned is
// still held by crypto/tls (S-12.8).
func TestABusyWriterHoldsNoBufferWhileItRests(t *testing.T) {
	c, records, client := tlsPair(t, nil)
	go io.Copy(io.Discard, client)
	q, admit := fullQueue()
	c.socket.restsBefore, c.socket.writePace.queue = true, q
	before := records.writes.Load()
	var returned atomic.Int32
	ended := make(chan error, 1)
	go func() {
		for range 3 * paceSteps {
			if _, err := c.Write([]byte("x")); err != nil {
				ended <- err
				return
			}
			returned.Add(1)
		}
		ended <- nil
	}()
	waitFor(t, "the writer to rest", func() bool { return q.waiting.Load() == 1 })
	if wrote, got := records.writes.Load()-before, returned.Load(); wrote != got {
		t.Errorf("got %d records written and %d writes returned while the writer rests, want as many", wrote, got)
	}
	admit()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestABusyHTTP2ReaderHoldsNoBufferWhileItRests is about the buffer for input. A connection rests when a frame has begun to arrive
// only if it has not rested for long (S-12.8).
func TestABusyHTTP2ReaderHoldsNoBufferWhileItRests(t *testing.T) {
	for _, test := range []struct {
		name, input string // what was read before
		steps       int32
		rests       bool
	}{
		{"between frames", "", paceSteps, true},
		{"not yet between frames", "", paceSteps - 1, false},
		{"not when a frame has begun to arrive", "begun", paceSteps, false},
		{"when frames begin to arrive with every read", "begun", 2 * paceSteps, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := batchesConn(t, &connRegistry{})
			ours, far := socketPair(t)
			h.client.socket, h.conn = ours, ours
			ours.readerRests = true
			q, admit := fullQueue()
			pace := &ours.readPace
			pace.queue, pace.lap = q, time.Now().UnixNano()
			pace.steps.Store(test.steps)
			h.in = h2ReadBuffers.Get().(*[]byte)
			h.end = copy(*h.in, test.input)
			send(t, far, "more")
			filled := make(chan error, 1)
			go func() { filled <- h.fill() }()
			if test.rests {
				waitFor(t, "the reader to rest", func() bool { return q.waiting.Load() == 1 })
				if h.in != nil {
					t.Errorf("the reader rests with a buffer of %d bytes, want none", len(*h.in))
				}
				admit()
			}
			var err error
			waitFor(t, "the read to end", func() bool {
				if !test.rests && q.waiting.Load() == 1 {
					t.Error("the reader rests, want it to read on")
					admit()
				}
				select {
				case err = <-filled:
					return true
				default:
					return false
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := string((*h.in)[h.start:h.end]); got != test.input+"more" {
				t.Errorf("got the input %q, want %q", got, test.input+"more")
			}
		})
	}
}

// TestAnHTTP2ReaderRestsOnlyBetweenItsReads reads records from a connection whose queue has no room, so a rest would never end.
func TestAnHTTP2ReaderRestsOnlyBetweenItsReads(t *testing.T) {
	d := startDaemonPlainly(t, rawUpstream(t, answerOK))
	c := newH2Client(t, d)
	c.request(1, "GET", "/", true)
	c.answer(1)
	if !d.onlyHTTP2(t).client.socket.readerRests {
		t.Error("the reads of an HTTP/2 connection rest, want the connection to rest between them")
	}
	server, _, client := tlsPair(t, nil)
	server.socket.readerRests = true
	server.socket.readPace.queue, _ = fullQueue()
	for range 5 * paceSteps {
		send(t, client, "x")
		if n, err := server.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Fatalf("got %d bytes, %v; want one", n, err)
		}
	}
	if server.socket.readPace.steps.Load() == 0 {
		t.Error("the reads are not counted, want the connection to know when to rest")
	}
}

func TestABusyHTTP2ConnectionHoldsNoEmptyBatchWhileItRests(t *testing.T) {
	for _, test := range []struct {
		name   string
		output string // in the buffer for the next batch
		want   int32  // large batches
	}{
		{"nothing is queued", "", 0},
		{"output is queued", "a frame", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			registry := &connRegistry{}
			h := batchesConn(t, registry)
			q, admit := fullQueue()
			pace := &h.client.socket.writePace
			pace.queue, pace.lap = q, time.Now().UnixNano()
			pace.steps.Store(paceSteps)
			batch := h.takeBatch()
			*h.buffer() = append(*h.buffer(), test.output...)
			rested := make(chan bool)
			go func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				rested <- h.restIfBusy(&batch)
			}()
			waitFor(t, "the writer to rest", func() bool { return q.waiting.Load() == 1 })
			h.mu.Lock() // held while it rests, this would wait for ever
			large := h.large
			h.mu.Unlock()
			if got := registry.batches.large.Load(); got != test.want || large != test.want {
				t.Errorf("got %d large batches, %d of them of the connection, want %d", got, large, test.want)
			}
			admit()
			if !<-rested || batch != nil {
				t.Error("the writer did not rest, or kept its batch")
			}
			if test.output != "" && string(*h.out) != test.output {
				t.Errorf("got the output %q after the rest, want %q", *h.out, test.output)
			}
		})
	}
}
