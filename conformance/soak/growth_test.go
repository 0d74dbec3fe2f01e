package soak

import "testing"

func TestGrowthIsFound(t *testing.T) {
	before := footprint{goroutines: 20, descriptors: 12, memory: 100 << 20}
	for _, test := range []struct {
		name string
		now  footprint
		want bool
	}{
		{"the same is no growth", before, false},
		{"less is no growth", footprint{10, 6, 50 << 20}, false},
		{"what is within the spare is no growth", footprint{30, 17, 150 << 20}, false},
		{"more goroutines are growth", footprint{31, 12, 100 << 20}, true},
		{"more descriptors are growth", footprint{20, 18, 100 << 20}, true},
		{"more memory is growth", footprint{20, 12, 160 << 20}, true},
	} {
		if err := test.now.grown(before); (err != nil) != test.want {
			t.Errorf("%s: got %v, want growth found %v", test.name, err, test.want)
		}
	}
}
