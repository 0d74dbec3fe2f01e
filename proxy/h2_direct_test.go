package proxy

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
)

// randomText returns n random letters, so that bytes in a wrong place are seen.
func randomText(random *rand.Rand, n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = 'a' + byte(random.IntN(26))
	}
	return string(text)
}

// TestLongFramesOfDataArriveAsTheyWereSent sends the bodies of two requests in turns, with frames that are read directly into
// their chunks and others that are not, cut into TLS records at any place.
func TestLongFramesOfDataArriveAsTheyWereSent(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	const seed = 3
	random := rand.New(rand.NewPCG(seed, seed))
	for _, record := range []int{700, 9000, 15 << 10, 16 << 10, 1 << 20} {
		c := newH2Client(t, d, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		c.sent(c.framer.WriteWindowUpdate(0, 1<<20))
		ids, want := []uint32{1, 3}, map[uint32]*strings.Builder{1: {}, 3: {}}
		send := c.record()
		for _, id := range ids {
			c.request(id, "POST", "/", false)
		}
		for _, length := range []int{16384, h2DirectBytes, 100, h2DirectBytes - 1, 16000, 16384} {
			for _, id := range ids {
				part := randomText(random, length)
				want[id].WriteString(part)
				if length == 16000 {
					c.sent(c.framer.WriteDataPadded(id, false, []byte(part), make([]byte, 255)))
				} else {
					c.data(id, part, false)
				}
			}
		}
		for _, id := range ids {
			c.data(id, "", true)
		}
		frames := c.out.kept.Bytes()
		c.out.kept.Reset()
		send() // nothing is left of the record
		for len(frames) > 0 {
			n := min(record, len(frames))
			if _, err := c.conn.Write(frames[:n]); err != nil {
				t.Fatal(err)
			}
			frames = frames[n:]
		}
		for _, id := range ids {
			if got := c.answer(id).body.String(); !strings.Contains(got, want[id].String()) {
				t.Errorf("records of %d: stream %d got other bytes than were sent", record, id)
			}
		}
	}
}

// TestALongFrameForAStreamThatIsClosedIsNotKept sends data that crosses a reset. The data is dropped, and the next
// request is answered.
func TestALongFrameForAStreamThatIsClosedIsNotKept(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	c.request(1, "POST", "/early", false)
	s := c.answer(1)
	if c.sync(); len(s.heads) != 1 || s.reset != "NO_ERROR" {
		t.Fatalf("got the heads %q and the reset %q, want an early answer", s.heads, s.reset)
	}
	c.data(1, strings.Repeat("x", 16384), false)
	c.request(3, "POST", "/", false)
	c.data(3, strings.Repeat("y", 16384), true)
	if got := c.answer(3).body.String(); strings.Contains(got, "xxxx") || !strings.Contains(got, strings.Repeat("y", 16384)) {
		t.Errorf("got the body %.100q, want the second request's", got)
	}
}

// TestALongFrameThatBreaksARuleEndsItsStream has the last frame of a body be longer than declared.
func TestALongFrameThatBreaksARuleEndsItsStream(t *testing.T) {
	d := startDaemon(t, echoUpstream(t), "")
	c := newH2Client(t, d)
	c.request(1, "POST", "/", false, "content-length", "16000")
	c.data(1, strings.Repeat("x", 16384), true)
	if s := c.answer(1); s.reset != http2.ErrCodeProtocol.String() {
		t.Errorf("got the reset %q, want PROTOCOL_ERROR", s.reset)
	}
	c.request(3, "GET", "/", true)
	if s := c.answer(3); len(s.heads) != 1 {
		t.Errorf("got the heads %q of the next request, want its answer", s.heads)
	}
}

// TestADirectFrameIsTakenOnlyWhole gives the chunk away for the data that it holds, and not for a part of it.
func TestADirectFrameIsTakenOnlyWhole(t *testing.T) {
	chunk := takeChunk(16 << 10)
	chunk.used = copy(chunk.data, randomText(rand.New(rand.NewPCG(1, 1)), 16000))
	d := h2Direct{chunk: chunk}
	if d.take(chunk.data[1:15000]) != nil || d.chunk == nil {
		t.Fatal("a padded frame gives its chunk away")
	}
	if d.take(chunk.data[:16000]) != chunk || d.chunk != nil {
		t.Fatal("the whole payload does not give the chunk away once")
	}
	var b h2Body
	b.reset(&sync.Mutex{})
	b.store([]byte("before"))
	b.append(chunk)
	b.store([]byte("after"))
	want := "before" + string(chunk.data[:16000]) + "after"
	room := make([]byte, 20<<10)
	if got := string(room[:b.take(room)]); got != want || b.held != 16011 {
		t.Errorf("got %d bytes of %d held, want the chunk between the others", len(got), b.held)
	}
	b.clear()
}
