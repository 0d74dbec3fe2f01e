package routing

import "strings"

// maxSegment is the length of the longest segment that a route's path may have.
const maxSegment = 255

// spelling is a set of ways in which a path differs from a plain one.
type spelling uint8

const (
	// encoded means an encoded byte, and cut means a `;`.
	encoded spelling = 1 << iota
	cut
	// plainDots, encodedDots and cutDots mean a dot segment: a plain one, one with an encoded byte, and one with a `;`.
	plainDots
	encodedDots
	cutDots
	// otherSlash means an encoded slash or a backslash, and manySlashes means an empty segment.
	otherSlash
	manySlashes
	// split means that an otherSlash, or a byte at which some readers end the path, follows a `;` in the same segment.
	split

	anyDots = plainDots | encodedDots | cutDots
)

// reading reads a path as the most lenient upstream could.
type reading[R any] struct {
	position[R]
	// ends are the positions at which the path ends for upstreams that end it at the first encoded `?`, `#` or NUL; their
	// nodes are nil if there is no such byte.
	ends [3]position[R]
	// spelling is how the path differs from a plain one.
	spelling spelling
	// plain is the number of plain segments at the beginning. depth is the smallest number of segments that any reader has,
	// and least is the smallest depth since the plain segments.
	plain, depth, least int

	// segment is what has been read of a segment, up to its first `;`. It is truncated if it is longer than any in the tree.
	segment [maxSegment + 1]byte
	length  int
	// within is how the segment differs from a plain one. split reports whether a `;` was read since the last `/`, and
	// joined reports whether an otherSlash was.
	within        spelling
	split, joined bool
}

// all reads a path, which must begin with a slash.
func (r *reading[R]) all(path string) {
	for i := 1; i < len(path); i++ {
		switch c := path[i]; c {
		case '/':
			r.endSegment(false)
			r.split, r.joined = false, false
		case '%':
			value, ok := decodeHex(path[i+1:])
			r.within |= encoded
			if !ok {
				r.add('%')
				break
			}
			r.decoded(value)
			i += 2
		default:
			r.byte(c)
		}
	}
	r.endSegment(true)
}

// byte reads a byte of a segment.
func (r *reading[R]) byte(c byte) {
	switch c {
	case '/', '\\':
		r.spelling |= otherSlash
		if r.split {
			r.spelling |= split
		}
		r.endSegment(false)
		r.joined = true
	case ';':
		r.within |= cut
		r.split = true
	default:
		r.add(c)
	}
}

// decoded reads a byte that was encoded.
func (r *reading[R]) decoded(c byte) {
	if i := strings.IndexByte("?#\x00", c); i >= 0 {
		r.end(&r.ends[i])
	}
	r.byte(c)
}

// add adds a byte to the segment.
func (r *reading[R]) add(c byte) {
	if r.within&cut == 0 && r.length < len(r.segment) {
		r.segment[r.length] = c
		r.length++
	}
}

// end records where the path leads if it ends here, unless an end was recorded before. Its last segment may be a dot
// segment. After a `;`, the byte may also have been cut off before it was decoded.
func (r *reading[R]) end(at *position[R]) {
	if r.split {
		r.spelling |= split
	}
	if at.node != nil {
		return
	}
	segment := r.segment[:r.length]
	switch string(segment) {
	case ".", "..":
		r.spelling |= encodedDots
		r.least = min(r.least, r.depth-1)
	}
	*at = r.position
	at.enter(segment, true)
}

// endSegment ends a segment; last reports whether the path ends with it.
func (r *reading[R]) endSegment(last bool) {
	segment := r.segment[:r.length]
	r.spelling |= r.deviation(segment, last)
	r.count(segment)
	r.enter(segment, last)
	r.length, r.within = 0, 0
}

// count counts a segment. Readers may differ in the number of segments: some take segments that are joined by an otherSlash
// for one.
func (r *reading[R]) count(segment []byte) {
	switch string(segment) {
	case "", ".":
	case "..":
		r.depth = max(0, r.depth-1)
	default:
		if !r.joined {
			r.depth++
		}
	}
	if r.spelling == 0 {
		r.plain, r.least = r.depth, r.depth
	}
	r.least = min(r.least, r.depth)
}

// deviation returns how a segment differs from a plain one.
func (r *reading[R]) deviation(segment []byte, last bool) spelling {
	switch string(segment) {
	case "":
		if r.within == 0 && !last {
			return manySlashes
		}
	case ".", "..":
		if r.within == 0 {
			return plainDots
		}
		return r.within << 3 // encodedDots for encoded, and cutDots for cut
	}
	return r.within
}

// enter moves on to a segment; last reports whether the path ends with it.
func (p *position[R]) enter(segment []byte, last bool) {
	p.slash = true
	switch string(segment) {
	case "", ".":
	case "..":
		p.leave()
	default:
		p.slash = !last
		p.descend(segment)
	}
}

// leave moves back by one segment. The root is its own parent.
func (p *position[R]) leave() {
	switch {
	case p.off > 0:
		p.off--
	case p.node != p.root:
		p.node = p.node.parent
	}
}

// descend moves on to a segment that is not a dot segment.
func (p *position[R]) descend(segment []byte) {
	if p.off == 0 {
		if below := p.node.children[string(segment)]; below != nil {
			p.node = below
			return
		}
	}
	p.off++
}

// isContested reports whether the path has more readings than the two views and their ends. It does if dot segments are
// mixed with another spelling, or if an otherSlash or an end follows a `;`.
func (r *reading[R]) isContested() bool {
	s := r.spelling
	return s&split != 0 || s&anyDots != 0 && s&(s-1) != 0
}

// agreed returns the number of segments at the beginning of the path that all readings have in common.
func (r *reading[R]) agreed() int { return max(0, min(r.plain, r.least)) }

// decodeHex returns the byte that is encoded by two hexadecimal digits at the beginning of s.
func decodeHex(s string) (value byte, ok bool) {
	if len(s) < 2 {
		return 0, false
	}
	high, low := hexDigit(s[0]), hexDigit(s[1])
	return high<<4 | low, high < 16 && low < 16
}

// hexDigit returns the value of a hexadecimal digit, or 16 if c is not one.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
