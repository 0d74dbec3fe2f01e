package headers

// NameSet is a set of field names, compared without regard to case. A lookup allocates nothing, and for most names that are
// not in the set it costs one load. A NameSet is built from a list and never changes.
type NameSet struct {
	// variables makes names equal if some gateway interface turns them into the same variable.
	variables bool
	// initials holds, for each name length modulo 64, the first letters of the entries that a name of that length may match,
	// as bits.
	initials [64]uint32
	// byLength holds the names by length, and prefixes the entries that end in `*`, without the `*`.
	byLength [][]listedName
	prefixes []listedName
}

// listedName is an entry of the list that a NameSet was built from.
type listedName struct {
	name string
	// index is the entry's index in the list.
	index int
}

// NewNameSet builds the set for a list of names, none of which is empty. `X-Foo-*` matches all names that begin with
// `X-Foo-`. If variables is true, each character that is neither a letter nor a digit counts as `-`. Servers that pass
// fields to applications as variables (CGI, FastCGI, WSGI) replace `-` with `_`, and some, such as lighttpd, replace all of
// these characters.
func NewNameSet(variables bool, list []string) *NameSet {
	longest := 0
	for _, name := range list {
		longest = max(longest, len(name))
	}
	s := &NameSet{variables: variables, byLength: make([][]listedName, longest+1)}
	for index, name := range list {
		n := len(name)
		if name[n-1] != '*' {
			s.byLength[n] = append(s.byLength[n], listedName{name, index})
			s.initials[n&63] |= s.initial(name)
			continue
		}
		s.prefixes = append(s.prefixes, listedName{name[:n-1], index})
		for i := range s.initials {
			s.initials[i] |= s.initial(name)
		}
	}
	return s
}

// initial returns the bit of a name's first letter, in any case. Other bytes may share a letter's bit. If other characters
// count as the first one, initial returns all bits.
func (s *NameSet) initial(name string) uint32 {
	if s.variables && !isAlphanumeric(name[0]) {
		return ^uint32(0)
	}
	return 1 << (name[0] & 31)
}

// Has reports whether the name, which must not be empty, is in the set. It is small enough to be inlined, and for most names
// it needs no further call.
func (s *NameSet) Has(name string) bool {
	return s.initials[len(name)&63]>>(name[0]&31)&1 != 0 && s.contains(name)
}

// contains is the part of Has that is not inlined. With it, Has would be too large to be inlined.
//
//go:noinline
func (s *NameSet) contains(name string) bool { return s.find(name) >= 0 }

// index returns the index of the list's entry that matches the name, or -1. The name must not be empty.
func (s *NameSet) index(name string) int {
	if s.initials[len(name)&63]>>(name[0]&31)&1 == 0 {
		return -1
	}
	return s.find(name)
}

// find is the part of index that is not inlined.
func (s *NameSet) find(name string) int {
	n := len(name)
	if n < len(s.byLength) {
		for _, ours := range s.byLength[n] {
			if s.same(name, ours.name) {
				return ours.index
			}
		}
	}
	for _, prefix := range s.prefixes {
		if ours := prefix.name; n >= len(ours) && s.same(name[:len(ours)], ours) {
			return prefix.index
		}
	}
	return -1
}

// same reports whether a name equals a name of the list. Both must have the same length.
func (s *NameSet) same(name, ours string) bool {
	for i := range len(name) {
		a, b := name[i], ours[i]
		if a != b && s.variables && !isAlphanumeric(a) && !isAlphanumeric(b) {
			continue
		}
		if a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
