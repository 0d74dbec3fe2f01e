package balance

import (
	"math"
	"math/bits"
)

// inTurn chooses by smooth weighted round robin: in each choice every member gains its weight. The member with the most
// is chosen, and loses what all members together have gained.
func (l *List) inTurn(mask uint64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	best, total := -1, int64(0)
	for rest := mask; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		weight := int64(l.members[i].Weight)
		l.current[i] += weight
		total += weight
		if best < 0 || l.current[i] > l.current[best] {
			best = i
		}
	}
	l.current[best] -= total
	return best
}

// leastOfTwo draws two different members by their weights, and chooses the one with fewer requests for its weight, or
// the first if they are equal.
func (l *List) leastOfTwo(mask uint64) int {
	first := l.draw(mask)
	second := l.draw(mask &^ (1 << first))
	a, b := &l.members[first], &l.members[second]
	if b.State.inFlight.Load()*int64(a.Weight) < a.State.inFlight.Load()*int64(b.Weight) {
		return second
	}
	return first
}

// draw chooses a random member by the weights.
func (l *List) draw(mask uint64) int {
	total := uint64(0)
	for rest := mask; rest != 0; rest &= rest - 1 {
		total += uint64(l.members[bits.TrailingZeros64(rest)].Weight)
	}
	drawn, _ := bits.Mul64(l.random(), total)
	for rest := mask; ; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		weight := uint64(l.members[i].Weight)
		if drawn < weight {
			return i
		}
		drawn -= weight
	}
}

// byKey chooses by weighted rendezvous hashing. When a member leaves, only its own keys move.
func (l *List) byKey(mask uint64, key uint64) int {
	best, most := -1, 0.0
	for rest := mask; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if score := l.score(i, key); best < 0 || score > most {
			best, most = i, score
		}
	}
	return best
}

// score returns how strongly the member claims the key.
func (l *List) score(i int, key uint64) float64 {
	return float64(l.members[i].Weight) / -math.Log(fraction(mix(key^l.members[i].State.hash)))
}

// fraction turns a random number into one strictly between 0 and 1.
func fraction(n uint64) float64 { return (float64(n>>11) + 0.5) / (1 << 53) }

// mix is the finalizer of splitmix64: every bit of n affects about half of the bits of the result.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// hashText returns the same hash of a text in every process, so that several proxies make the same choices.
func hashText(text string) uint64 {
	h := uint64(0)
	for i := range len(text) {
		h = mix(h ^ uint64(text[i]))
	}
	return h
}

// KeyOf combines two words into a key, such as those of an IP address.
func KeyOf(hi, lo uint64) uint64 { return mix(mix(hi) ^ lo) }
