package routing

import "strings"

// HasDotSegment reports whether some reader finds a dot segment in a path, which may be followed by a query. Readers that
// resolve dot segments read another path than those that do not.
func HasDotSegment(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	if path == "" || path[0] != '/' || isPlain(path) {
		return false
	}
	var root node[struct{}]
	read := reading[struct{}]{position: position[struct{}]{root: &root, node: &root}}
	read.all(path)
	return read.spelling&anyDots != 0
}
