package main

import (
	"maps"
	"slices"
)

// graph maps each file to the files to which it refers.
type graph map[string]map[string]bool

// edges returns the number of pairs of files in which the first refers to the second.
func (g graph) edges() int {
	n := 0
	for _, to := range g {
		n += len(to)
	}
	return n
}

// largestCycle returns the files of the largest strongly connected component, sorted: each refers to every other one,
// directly or through others. It is empty if no two files refer to each other.
func (g graph) largestCycle() []string {
	var largest []string
	search := tarjan{graph: g, index: map[string]int{}, low: map[string]int{}, onStack: map[string]bool{}}
	for _, file := range slices.Sorted(maps.Keys(g)) {
		if _, seen := search.index[file]; !seen {
			search.visit(file)
		}
	}
	for _, component := range search.components {
		if len(component) > 1 && len(component) > len(largest) {
			largest = component
		}
	}
	slices.Sort(largest)
	return largest
}

// tarjan is the state of Tarjan's algorithm for strongly connected components.
type tarjan struct {
	graph      graph
	index, low map[string]int
	stack      []string
	onStack    map[string]bool
	components [][]string
}

func (t *tarjan) visit(file string) {
	t.index[file] = len(t.index)
	t.low[file] = t.index[file]
	t.stack = append(t.stack, file)
	t.onStack[file] = true
	for to := range t.graph[file] {
		if _, seen := t.index[to]; !seen {
			t.visit(to)
			t.low[file] = min(t.low[file], t.low[to])
		} else if t.onStack[to] {
			t.low[file] = min(t.low[file], t.index[to])
		}
	}
	if t.low[file] != t.index[file] {
		return
	}
	start := slices.Index(t.stack, file)
	component := slices.Clone(t.stack[start:])
	t.stack = t.stack[:start]
	for _, member := range component {
		t.onStack[member] = false
	}
	t.components = append(t.components, component)
}
