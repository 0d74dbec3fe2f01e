package http1

import "testing"

func TestNamesAreComparedWithoutTheCaseOfASCIILetters(t *testing.T) {
	tests := []struct {
		name, a, b string
		want       bool
	}{
		{"equal names are the same", "x-a", "x-a", true},
		{"names in another case are the same", "X-a", "x-A", true},
		{"names of another length differ", "x", "xx", false},
		{"bytes that are not letters differ by the bit of the case", "@[^", "`{~", false},
		{"a control differs from the dash by that bit", "a\rb", "a-b", false},
		{"the Kelvin sign is not a k", "\u212aeep-alive", "keep-alive", false},
		{"the long s is not an s", "clo\u017fe", "close", false},
		{"empty names are the same", "", "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := EqualFold(test.a, test.b); got != test.want {
				t.Errorf("%q and %q: got %v, want %v", test.a, test.b, got, test.want)
			}
		})
	}
}

func TestAListIsSplitAtItsCommas(t *testing.T) {
	var got []string
	for rest := "close, \tX-A\t ,, keep-alive"; rest != ""; {
		var token string
		token, rest = NextToken(rest)
		got = append(got, token)
	}
	want := []string{"close", "X-A", "", "keep-alive"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("element %d: got %q, want %q", i, got[i], want[i])
		}
	}
}

func TestATokenIsFoundOnlyAsAWholeElement(t *testing.T) {
	const list = "closed, keep-alive;x,Close\t,upgrade"
	for token, want := range map[string]bool{"close": true, "UPGRADE": true, "keep-alive": false, "clos": false, "": false} {
		if got := HasToken(list, token); got != want {
			t.Errorf("%q in %q: got %v, want %v", token, list, got, want)
		}
	}
}
