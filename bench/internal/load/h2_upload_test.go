//go:build linux

package load

import "testing"

func TestH2SendsBodiesAsTheWindowsLetIt(t *testing.T) {
	dataFrames := func(out []byte) (sizes []int, ended bool) {
		for len(out) >= frameHeadBytes {
			n := int(out[0])<<16 | int(out[1])<<8 | int(out[2])
			if out[3] == 0 {
				sizes = append(sizes, n)
				ended = out[4]&1 != 0
			}
			out = out[frameHeadBytes+n:]
		}
		return sizes, ended
	}
	h := newH2State(Job{Streams: 1, BodyBytes: 70_000, AnswerBytes: 2})
	h.request(&h.streams[0])
	if flags := h.out[4]; flags&1 != 0 {
		t.Fatal("the head ends the stream, though a body follows")
	}
	steps := []struct {
		name  string
		frame string
		sum   int
		ended bool
	}{
		{"at first as much is sent as every connection allows", "", 65_535, false},
		{"no more is sent before both windows are opened", "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x01\x00\x00", 65_535, false},
		{"more is sent with the stream's window, larger by SETTINGS", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x01\x00\x63", 65_635, false},
		{"the rest is sent with an update of the stream", "\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x01\x00\x00", 70_000, true},
	}
	for _, step := range steps {
		if _, _, err := h.frames([]byte(step.frame)); err != nil {
			t.Fatal(err)
		}
		h.upload()
		sizes, ended := dataFrames(h.out)
		sum := 0
		for _, n := range sizes {
			if n > maxFrameBytes {
				t.Errorf("%s: got a frame of %d bytes", step.name, n)
			}
			sum += n
		}
		if sum != step.sum || ended != step.ended {
			t.Errorf("%s: got %d bytes, ended %v, want %d, %v", step.name, sum, ended, step.sum, step.ended)
		}
	}
}
