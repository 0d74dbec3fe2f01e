package headers

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// fieldSpellings returns spellings of a name that a set must treat as equal to it.
func fieldSpellings(name string, underscores bool) []string {
	spellings := []string{name, strings.ToLower(name), strings.ToUpper(name)}
	if underscores {
		for _, spelling := range spellings {
			for _, other := range []string{"_", ".", "~", "'"} {
				spellings = append(spellings, strings.ReplaceAll(spelling, "-", other), strings.Replace(spelling, "-", other, 1))
			}
		}
	}
	return spellings
}

// TestANameThatIsAddedToAListIsFound checks that a set finds each name of its list, whatever else is in the list.
func TestANameThatIsAddedToAListIsFound(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
	random := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		b := []byte{letters[random.IntN(26)]}
		for n := random.IntN(60); n > 0; n-- {
			b = append(b, letters[random.IntN(len(letters))])
		}
		return string(b)
	}
	for _, list := range [][]string{nil, believed, hopByHop, concealed} {
		for range 500 {
			underscores := random.IntN(2) == 0
			added := name()
			longer := append([]string{name(), name(), added}, list...)
			set := NewNameSet(underscores, longer)
			for _, entry := range longer {
				entry = strings.Replace(entry, "*", name(), 1)
				for _, spelling := range fieldSpellings(entry, underscores) {
					if !set.Has(spelling) {
						t.Fatalf("%q is in the list (underscores=%v), and the set has no %q", entry, underscores, spelling)
					}
				}
				if strings.Contains(entry, "-") && !underscores && NewNameSet(false, []string{entry}).Has(strings.ReplaceAll(entry, "-", "_")) {
					t.Fatalf("%q is taken for another name with underscores", entry)
				}
			}
		}
	}
}

func TestANameThatIsNotInAListIsNotFound(t *testing.T) {
	for _, list := range [][]string{believed, hopByHop, concealed} {
		set := NewNameSet(true, list)
		for _, entry := range list {
			if strings.HasSuffix(entry, "*") {
				entry = entry[:len(entry)-1]
				if other := entry[:len(entry)-1]; set.Has(other) {
					t.Errorf("%q is found, and only begins a prefix", other)
				}
				continue
			}
			// For a letter, flipping the bit 0x20 gives its other case; for anything else it gives another byte.
			for i := range entry {
				for _, c := range []byte{entry[i] ^ 1, entry[i] ^ 0x40, entry[i] ^ 0x80, 0, 'Q'} {
					other := entry[:i] + string([]byte{c}) + entry[i+1:]
					if !strings.EqualFold(other, entry) && (isAlphanumeric(c) || isAlphanumeric(entry[i])) && NewNameSet(true, []string{entry}).Has(other) {
						t.Errorf("%q is found, and is not %q", other, entry)
					}
				}
			}
			for _, other := range []string{entry + "X", entry[1:], entry[:len(entry)-1], "X" + entry} {
				if NewNameSet(true, []string{entry}).Has(other) {
					t.Errorf("%q is found, and is not %q", other, entry)
				}
			}
		}
	}
}

func TestANameThatBeginsWithAPunctuationMarkIsFound(t *testing.T) {
	set := NewNameSet(true, []string{"-User", "_Group"})
	for _, name := range []string{"-user", "_User", ".USER", "_group", "-Group", "!group"} {
		if !set.Has(name) {
			t.Errorf("the set has no %q", name)
		}
	}
}

func TestLookingUpAFieldAllocatesNothing(t *testing.T) {
	names := []string{"X-Real-IP", "x_forwarded_anything", "User-Agent", "a", strings.Repeat("x", 300)}
	if n := testing.AllocsPerRun(100, func() {
		for _, name := range names {
			_ = Believed.Has(name) || HopByHop.Has(name)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
