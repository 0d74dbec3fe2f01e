package proxy

import (
	"slices"
	"testing"
)

func TestOpenStreamsAreFoundAndTakenOutByNumber(t *testing.T) {
	var list openStreams
	for id := uint32(1); id < 20; id += 2 {
		list.add(&h2Stream{id: id})
	}
	for _, id := range []uint32{1, 19, 9, 9, 8, 0, 21} {
		list.remove(id)
	}
	var got []uint32
	for id := range uint32(25) {
		if s := list.find(id); s != nil {
			if s.id != id {
				t.Errorf("got stream %d for %d", s.id, id)
			}
			got = append(got, id)
		}
	}
	if want := []uint32{3, 5, 7, 11, 13, 15, 17}; !slices.Equal(got, want) {
		t.Errorf("got the streams %v, want %v", got, want)
	}
	if list.trim(); len(list) != 7 {
		t.Errorf("got %d streams after trimming, want the 7 that are open", len(list))
	}
	for _, id := range got {
		list.remove(id)
	}
	if list.trim(); cap(list) != 0 {
		t.Errorf("got room for %d streams kept, want none", cap(list))
	}
}

func TestTheStreamsThatClosedLastAreRemembered(t *testing.T) {
	var closed closedStreams
	const all = h2ClosedStreams + 100
	for i := range all {
		closed.remember(uint32(2*i+1), i%3 == 0)
	}
	for i := range all + 1 {
		known, ours := closed.lookUp(uint32(2*i + 1))
		if want := i >= all-h2ClosedStreams && i < all; known != want || ours != (want && i%3 == 0) {
			t.Fatalf("stream %d of %d: got known %v and ours %v, want known %v", i, all, known, ours, want)
		}
	}
}
