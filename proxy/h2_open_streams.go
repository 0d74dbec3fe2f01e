package proxy

import "slices"

// openStreams are the streams of a connection that are open, by their number. Clients begin streams in that order, so that
// each goes to the end. There are at most a few hundred, and a list that is empty needs no memory where a map that was
// once large would keep it.
type openStreams []openStream

// openStream has the number beside the stream, so that a search does not have to look at every stream that it passes.
type openStream struct {
	id     uint32
	stream *h2Stream
}

// keptStreams is the room that the list of an idle connection may keep.
const keptStreams = 4

// search returns where a number is or would be.
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

// find returns the stream of that number, nil if there is none.
func (l openStreams) find(id uint32) *h2Stream {
	if at, ok := l.search(id); ok {
		return l[at].stream
	}
	return nil
}

// add puts in a stream whose number is higher than that of any other.
func (l *openStreams) add(s *h2Stream) { *l = append(*l, openStream{s.id, s}) }

// remove takes a stream out, if it is in.
func (l *openStreams) remove(id uint32) {
	if at, ok := l.search(id); ok {
		*l = slices.Delete(*l, at, at+1)
	}
}

// trim gives the memory back that many streams have left, when there is none.
func (l *openStreams) trim() {
	if len(*l) == 0 && cap(*l) > keptStreams {
		*l = nil
	}
}
