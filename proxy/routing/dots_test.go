package routing

import "testing"

func TestWhatSomeReaderTakesForADotSegment(t *testing.T) {
	for path, want := range map[string]bool{
		"/": false, "*": false, "": false, "/a/b": false, "/a.b": false, "/.well-known/x": false, "/...": false, "/..a/a..": false, "/a?b=/../c": false,
		"/%2561": false, "/a%2fb": false, "//a": false, "/a;b": false, "/a%": false, "/%2e%2": false, "/.%41": false, "/a;/b": false, "/;..": false,
		"/..": true, "/.": true, "/a/../b": true, "/a/./b": true, "/a/..": true, "/a/../": true, "/a/..?b": true,
		"/%2e%2e/b": true, "/%2E./b": true, "/.%2e": true, "/a%2f..%2fb": true, "/a%2f%2e%2e%2fb": true, "/a\\..\\b": true, "/a%5c..%5cb": true,
		"/..;/b": true, "/..;x=y/b": true, "/%2e%2e;x/b": true, "/..%3bx/b": true, "/a/..%00": true, "/a/..%23b": true, "/a/..%3fb": true,
	} {
		if got := HasDotSegment(path); got != want {
			t.Errorf("%q: got %v, want %v", path, got, want)
		}
	}
}
