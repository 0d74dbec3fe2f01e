package routing

import (
	"math/rand/v2"
	"testing"
)

// TestTheMostLenientReadingIsThatOfTheReference compares MostLenient with a reader that shares no code with it, and checks
// what Decide does for the path that it returns.
func TestTheMostLenientReadingIsThatOfTheReference(t *testing.T) {
	pieces := []string{"/", "//", "a", "b", "api", ".", "..", "%2e", "%2F", "%5c", `\`, ";x", ";", "%3b", "%25", "%", "%zz", "é", "%00"}
	random := rand.New(rand.NewPCG(21, 1))
	for range 20_000 {
		path := "/"
		for range random.IntN(8) {
			path += pieces[random.IntN(len(pieces))]
		}
		if got, want := MostLenient(path+"?q=/../x"), lenient.read(path); got != want {
			t.Fatalf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestARouteIsFoundForAPathAsItCame(t *testing.T) {
	var table Table[string, string]
	table.Add([]string{"a.test"}, "site", []Rule[string]{{Path: "/api", Value: "api"}, {Path: "/x", Exact: true, Methods: []string{"GET"}, Value: "x"}})
	table.Add([]string{"b.test"}, "bare", nil)
	for _, c := range []struct{ host, method, path, want string }{
		{"a.test", "GET", "/api/y?z", "api"}, {"a.test", "GET", "/x", "x"}, {"a.test", "POST", "/x", ""},
		{"a.test", "GET", "/x/%2e%2e/api", ""}, {"a.test", "GET", "/api/%2e%2e/x", "api"}, {"a.test", "OPTIONS", "*", ""},
		{"b.test", "GET", "/api", ""}, {"c.test", "GET", "/api", ""},
	} {
		got, ok := table.Came(c.host, c.method, c.path)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s %s %s: got %q, %v; want %q", c.host, c.method, c.path, got, ok, c.want)
		}
	}
}
