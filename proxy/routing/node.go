package routing

import "strings"

// node is the path of a route, or the beginning of one, in the tree of a site's routes.
type node[R any] struct {
	// parent is the path without its last segment; nil for the root.
	parent *node[R]
	// children finds the paths that are one segment longer.
	children map[string]*node[R]
	// exact has the rules for the path itself, slash those for the path with a slash at its end, and prefix those for the
	// path and everything below it.
	exact, slash, prefix rules[R]
}

// rules has the rules of one path and kind.
type rules[R any] struct {
	any     *leaf[R]
	methods map[string]*leaf[R]
}

// leaf is a rule in a tree. Its address identifies it.
type leaf[R any] struct {
	value R
	// node is the rule's path, and stripped is the length of the prefix that its upstream does not get.
	node     *node[R]
	stripped int
}

// newTree returns the root of a tree with these rules.
func newTree[R any](of []Rule[R]) *node[R] {
	root := &node[R]{}
	for i := range of {
		root.add(&of[i])
	}
	return root
}

// add adds a rule below the root.
func (n *node[R]) add(rule *Rule[R]) {
	rest := strings.TrimPrefix(rule.Path, "/")
	trailing := false
	for rest != "" {
		var segment string
		segment, rest, trailing = strings.Cut(rest, "/")
		n = n.child(segment)
	}
	switch {
	case !rule.Exact:
		n.prefix.add(n, rule)
	case trailing:
		n.slash.add(n, rule)
	default:
		n.exact.add(n, rule)
	}
}

// child returns the node one segment below, which it creates if there is none.
func (n *node[R]) child(segment string) *node[R] {
	if n.children == nil {
		n.children = map[string]*node[R]{}
	}
	below := n.children[segment]
	if below == nil {
		below = &node[R]{parent: n}
		n.children[segment] = below
	}
	return below
}

// add adds a rule for the path of a node.
func (r *rules[R]) add(n *node[R], rule *Rule[R]) {
	added := &leaf[R]{value: rule.Value, node: n}
	if rule.Stripped {
		added.stripped = len(strings.TrimSuffix(rule.Path, "/"))
	}
	if len(rule.Methods) == 0 {
		r.any = added
		return
	}
	if r.methods == nil {
		r.methods = map[string]*leaf[R]{}
	}
	for _, method := range rule.Methods {
		r.methods[method] = added
	}
}

// find returns the rule for a method, or nil.
func (r *rules[R]) find(method string) *leaf[R] {
	if found := r.methods[method]; found != nil {
		return found
	}
	return r.any
}

// none reports whether there are no rules.
func (r *rules[R]) none() bool { return r.any == nil && r.methods == nil }

// below returns the rule for a path that continues below the node where the tree has no child, or nil.
func (n *node[R]) below(method string) *leaf[R] {
	for ; n != nil; n = n.parent {
		if found := n.prefix.find(method); found != nil {
			return found
		}
	}
	return nil
}

// at returns the rule for the path of the node, with or without a slash at its end, or nil.
func (n *node[R]) at(method string, slash bool) *leaf[R] {
	exact := &n.exact
	if slash && n.parent != nil { // the root's path is the slash
		exact = &n.slash
	}
	if found := exact.find(method); found != nil {
		return found
	}
	return n.below(method)
}

// alike reports whether, for each method, the same rule takes all requests for the path of the node and for everything below
// it. A nil node is a path that is not in the tree.
func (n *node[R]) alike() bool {
	return n == nil || n.children == nil && n.exact.none() && n.slash.none()
}
