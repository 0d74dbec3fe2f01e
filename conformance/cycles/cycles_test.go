package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestTheLargestCycleIsTheLargestSetOfFilesThatReachEachOther(t *testing.T) {
	edges := func(pairs ...string) graph {
		g := graph{}
		for _, pair := range pairs {
			from, to, _ := strings.Cut(pair, ">")
			for _, file := range []string{from, to} {
				if g[file] == nil {
					g[file] = map[string]bool{}
				}
			}
			g[from][to] = true
		}
		return g
	}
	for name, test := range map[string]struct {
		graph graph
		want  []string
	}{
		"a chain has none":                        {edges("a>b", "b>c"), nil},
		"two files refer to each other":           {edges("a>b", "b>a", "b>c"), []string{"a", "b"}},
		"a ring has a tail":                       {edges("a>b", "b>c", "c>a", "c>d", "e>a"), []string{"a", "b", "c"}},
		"two rings share a file":                  {edges("a>b", "b>a", "b>c", "c>b"), []string{"a", "b", "c"}},
		"the larger of two separate rings counts": {edges("a>b", "b>a", "c>d", "d>e", "e>c", "a>c"), []string{"c", "d", "e"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.graph.largestCycle(); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestReferencesAreFoundInThisPackage(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"."}, &out); err != nil {
		t.Fatal(err)
	}
	// main.go uses graph, but graph.go uses nothing from main.go.
	if want := "reverse-proxy/conformance/cycles: 2 files, 1 references between them, 0 in the largest cycle\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestACycleAboveTheBoundFails(t *testing.T) {
	err := run([]string{"-most", "2", "reverse-proxy/proxy"}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "reverse-proxy/proxy: ") {
		t.Errorf("got %v, want an error that names the package", err)
	}
}
