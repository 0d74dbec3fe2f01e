package routing

import "strings"

// HasDotSegment reports whether some reader of a path, which may be followed by a query, finds a dot segment in it. Such a path
// is another one for readers that resolve dot segments than for those that do not.
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
