package routing

import "strings"

// decide returns the rule that takes a request, or nil if there is none. It returns false if that depends on the reader of
// the path.
func (n *node[R]) decide(method, path string) (chosen *leaf[R], ok bool) {
	if path == "" || path[0] != '/' {
		return nil, true
	}
	came := n.asItCame(path)
	chosen = came.choice(method)
	if isPlain(path) {
		return chosen, true
	}
	if !n.allRead(path, method, chosen) {
		return nil, false
	}
	if chosen != nil && chosen.stripped > 0 && !chosen.node.allRead(path[chosen.stripped:], method, chosen) {
		return nil, false
	}
	return chosen, true
}

// allRead reports whether every reader of the path below the node finds the same rule. Dot segments do not lead above the
// node.
func (n *node[R]) allRead(path, method string, chosen *leaf[R]) bool {
	if path == "" {
		return true
	}
	read := reading[R]{position: position[R]{root: n, node: n}}
	read.all(path)
	if !read.leadsTo(method, chosen, path[len(path)-1] == '/') {
		return false
	}
	for i := range read.ends {
		if end := &read.ends[i]; end.node != nil && !end.leadsTo(method, chosen, false) {
			return false
		}
	}
	return !read.isContested() || n.ancestor(path, read.agreed()).alike()
}

// position is where a path leads in a tree.
type position[R any] struct {
	// root is where the path begins.
	root *node[R]
	// node is the longest beginning of the path that is in the tree, and off is the number of segments after it.
	node *node[R]
	off  int
	// slash reports whether the path ends with a slash.
	slash bool
}

// choice returns the rule for a path that ends at the position, or nil.
func (p *position[R]) choice(method string) *leaf[R] {
	if p.off > 0 {
		return p.node.below(method)
	}
	return p.node.at(method, p.slash)
}

// leadsTo reports whether the chosen rule is the one for the position. It must also be the one without a slash at the end,
// unless the path came with that slash: some upstreams look up `/a` for the path `/a/b/..`.
func (p position[R]) leadsTo(method string, chosen *leaf[R], slashCame bool) bool {
	if p.choice(method) != chosen {
		return false
	}
	p.slash = p.slash && slashCame
	return p.choice(method) == chosen
}

// asItCame returns where a path leads if its segments are compared byte for byte. It ignores what follows the first segment
// that is not in the tree.
func (n *node[R]) asItCame(path string) position[R] {
	at := position[R]{node: n}
	for rest := path[1:]; rest != ""; {
		var segment string
		segment, rest, at.slash = strings.Cut(rest, "/")
		below := at.node.children[segment]
		if below == nil {
			at.off = 1
			break
		}
		at.node = below
	}
	return at
}

// ancestor returns the node to which the first segments of a path lead, or nil if the tree does not have it.
func (n *node[R]) ancestor(path string, segments int) *node[R] {
	rest := path[1:]
	for ; segments > 0 && n != nil; segments-- {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		n = n.children[segment]
	}
	return n
}

// isPlain reports whether a path can be read in only one way: it has no byte that an upstream may decode or cut off, no
// empty segment except the last, and no dot segment.
func isPlain(path string) bool {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '%', '\\', ';':
			return false
		case '/':
			if i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '.') {
				return false
			}
		}
	}
	return true
}
