package proxy

import "slices"

// openStreams are the open streams of a connection, ordered by number. Clients begin streams in that order, so each is
// appended. There are at most a few hundred. An empty list needs no memory, whereas a map that was once large would
// keep its memory.
type openStreams []openStream

// openStream keeps the number next to the stream, so that a search does not have to load every stream that it passes.
type openStream struct {
	id     uint32
	stream *h2Stream
}

// keptStreams is the capacity that the list of an idle connection may keep.
const keptStreams = 4

// search returns the index of a number, or the index at which it would be inserted, and whether it is in the list.
func (l openStreams) search(id uint32) (int, bool) {
	low, high := 0, len(l)
	for low < high {
		if mid := (low + high) / 2; l[mid].id < id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(l) && l[low].id == id
}

// find returns the stream with that number, or nil.
func (l openStreams) find(id uint32) *h2Stream {
	if at, ok := l.search(id); ok {
		return l[at].stream
	}
	return nil
}

// add appends a stream whose number is higher than that of any other.
func (l *openStreams) add(s *h2Stream) { *l = append(*l, openStream{s.id, s}) }

// remove removes a stream if it is in the list.
func (l *openStreams) remove(id uint32) {
	if at, ok := l.search(id); ok {
		*l = slices.Delete(*l, at, at+1)
	}
}

// trim frees the list's memory if the list is empty and was long.
func (l *openStreams) trim() {
	if len(*l) == 0 && cap(*l) > keptStreams {
		*l = nil
	}
}
