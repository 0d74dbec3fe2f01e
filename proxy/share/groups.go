package share

import "slices"

// group has the holders of one client to one upstream, as indexes into the list of all holders, in the order in which they
// are to be ended. Whether a holder may be ended depends only on its state, its client and its upstream. The states that
// allow it for more reasons come first, so if the first holder may not be ended, no other may.
type group struct{ holders []int }

// groups has the groups of all holders that are not being ended.
type groups struct {
	all        []*group
	ofClient   map[*Client][]*group
	ofUpstream map[*Upstream][]*group
}

func groupsOf(holders []Holder) groups {
	gs := groups{ofClient: map[*Client][]*group{}, ofUpstream: map[*Upstream][]*group{}}
	byPair := map[pair]*group{}
	for i := range holders {
		h := &holders[i]
		if h.Ending {
			continue
		}
		p := pair{h.Client, h.Upstream}
		g := byPair[p]
		if g == nil {
			g = &group{}
			byPair[p] = g
			gs.all = append(gs.all, g)
			gs.ofClient[p.client] = append(gs.ofClient[p.client], g)
			gs.ofUpstream[p.upstream] = append(gs.ofUpstream[p.upstream], g)
		}
		g.holders = append(g.holders, i)
	}
	for _, g := range gs.all {
		slices.SortStableFunc(g.holders, func(a, b int) int {
			switch {
			case worseState(&holders[a], &holders[b]):
				return -1
			case worseState(&holders[b], &holders[a]):
				return 1
			}
			return 0
		})
	}
	return gs
}

// candidates returns the groups that can contain the answer to a question.
func (gs *groups) candidates(q question) []*group {
	switch {
	case q.own:
		return gs.ofClient[q.client]
	case q.of != nil:
		return gs.ofUpstream[q.of]
	}
	return gs.all
}
