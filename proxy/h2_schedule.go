package proxy

import (
	"math/bits"
	"slices"
)

// h2Schedule holds the streams that have data and an open window, in the order in which they may send (RFC 9218,
// section 10). The most urgent come first. At the same urgency, incremental streams take turns and the others follow
// one another by number; the two kinds alternate, so that neither starves.
type h2Schedule struct {
	// levels are allocated on first use, because most clients use one urgency.
	levels [8]*h2Level
	// busy has a bit set for each level that is not empty.
	busy uint8
}

type h2Level struct {
	turns, ordered []*h2Stream
	// orderedNext reports whether ordered sends next, rather than turns.
	orderedNext bool
}

// add adds a stream unless it is scheduled already.
func (q *h2Schedule) add(s *h2Stream) {
	if s.scheduled {
		return
	}
	s.scheduled = true
	level := q.levels[s.priority.Urgency]
	if level == nil {
		level = &h2Level{}
		q.levels[s.priority.Urgency] = level
	}
	q.busy |= 1 << s.priority.Urgency
	if s.priority.Incremental {
		level.turns = append(level.turns, s)
		return
	}
	at, _ := slices.BinarySearchFunc(level.ordered, s.id, func(other *h2Stream, id uint32) int { return int(other.id) - int(id) })
	level.ordered = slices.Insert(level.ordered, at, s)
}

// remove removes a stream if it is scheduled.
func (q *h2Schedule) remove(s *h2Stream) {
	if !s.scheduled {
		return
	}
	s.scheduled = false
	level := q.levels[s.priority.Urgency]
	list := &level.ordered
	if s.priority.Incremental {
		list = &level.turns
	}
	if at := slices.Index(*list, s); at >= 0 {
		*list = slices.Delete(*list, at, at+1)
	}
	if len(level.turns) == 0 && len(level.ordered) == 0 {
		q.busy &^= 1 << s.priority.Urgency
	}
}

// empty reports whether no stream is scheduled.
func (q *h2Schedule) empty() bool { return q.busy == 0 }

// pick removes the stream that may send one frame now. The caller adds it again if it has more data.
func (q *h2Schedule) pick() *h2Stream {
	level := q.levels[bits.TrailingZeros8(q.busy)]
	var s *h2Stream
	if len(level.ordered) > 0 && (level.orderedNext || len(level.turns) == 0) {
		s = level.ordered[0]
		level.orderedNext = false
	} else {
		s = level.turns[0]
		level.orderedNext = true
	}
	q.remove(s)
	return s
}
