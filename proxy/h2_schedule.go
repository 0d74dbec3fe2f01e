package proxy

import (
	"math/bits"
	"slices"
)

// h2Schedule holds the streams that have data which their window lets go, in the order in which they get to send (RFC
// 9218, section 10): the most urgent first; of the same urgency, those that are incremental in turn and the others one
// after the other, by their number, with both kinds alternating so that neither starves.
type h2Schedule struct {
	// levels are made when they are first used: most clients know one urgency.
	levels [8]*h2Level
	// busy has a bit for each level that is not empty.
	busy uint8
}

type h2Level struct {
	turns, ordered []*h2Stream
	// orderedNext tells whose turn it is of the two kinds.
	orderedNext bool
}

// add puts a stream in, if it is not.
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

// remove takes a stream out, if it is in.
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

// empty reports whether no stream is in.
func (q *h2Schedule) empty() bool { return q.busy == 0 }

// pick takes out the stream that may send one frame now. It has to be added again if it has more.
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
