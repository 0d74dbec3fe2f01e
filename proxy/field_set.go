package proxy

// fieldSet is a set of field names, compared without regard to case. A look-up allocates nothing, and costs one load for
// most names that are not in the set. A fieldSet is built once from a list and never changes.
type fieldSet struct {
	// underscores makes `_` in a looked-up name count as `-`.
	underscores bool
	// initials holds, for each name length modulo 64, the first letters of the entries that a name of that length may match,
	// as bits.
	initials [64]uint32
	// byLength holds the names by length, and prefixes the entries that end in `*`, without the `*`.
	byLength [][]string
	prefixes []string
}

// newFieldSet builds the set for a list of names. `X-Foo-*` matches all names that begin with `X-Foo-`.
func newFieldSet(underscores bool, list []string) *fieldSet {
	longest := 0
	for _, name := range list {
		longest = max(longest, len(name))
	}
	s := &fieldSet{underscores: underscores, byLength: make([][]string, longest+1)}
	for _, name := range list {
		n := len(name)
		if name[n-1] != '*' {
			s.byLength[n] = append(s.byLength[n], name)
			s.initials[n&63] |= initial(name)
			continue
		}
		s.prefixes = append(s.prefixes, name[:n-1])
		for i := range s.initials {
			s.initials[i] |= initial(name)
		}
	}
	return s
}

// initial returns the bit of a name's first letter, in any case. Other bytes may share a letter's bit.
func initial(name string) uint32 { return 1 << (name[0] & 31) }

// has reports whether the name, which must not be empty, is in the set. It is small enough to be inlined, and decides most
// names by itself.
func (s *fieldSet) has(name string) bool {
	return s.initials[len(name)&63]>>(name[0]&31)&1 != 0 && s.find(name)
}

// find looks the name up.
func (s *fieldSet) find(name string) bool {
	n := len(name)
	if n < len(s.byLength) {
		for _, ours := range s.byLength[n] {
			if s.same(name, ours) {
				return true
			}
		}
	}
	for _, prefix := range s.prefixes {
		if n >= len(prefix) && s.same(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// same reports whether a name equals one of the list. Both have the same length.
func (s *fieldSet) same(name, ours string) bool {
	for i := range len(name) {
		a, b := name[i], ours[i]
		if a == '_' && s.underscores {
			a = '-'
		}
		if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}
