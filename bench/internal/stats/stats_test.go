package stats

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one value is its own median":             {[]float64{3}, 3},
		"an odd number has a middle":              {[]float64{9, 1, 5}, 5},
		"an even number has the mean of two":      {[]float64{4, 1, 2, 100}, 3},
		"an outlier does not move it":             {[]float64{1, 1, 1, 1, 1e9}, 1},
		"the order of the values does not matter": {[]float64{5, 4, 3, 2, 1}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Median(c.values); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("no values have none", func(t *testing.T) {
		if got := Median(nil); !math.IsNaN(got) {
			t.Errorf("got %v, want NaN", got)
		}
	})
	t.Run("the values stay in their order", func(t *testing.T) {
		values := []float64{3, 1, 2}
		Median(values)
		if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRatios(t *testing.T) {
	failed := math.NaN()
	for name, c := range map[string]struct {
		ours, peer []float64
		want       Ratio
		ok         bool
	}{
		"rounds are compared one by one":            {[]float64{10, 40, 15}, []float64{10, 20, 10}, Ratio{1.5, 1, 2}, true},
		"a round in which we failed is left out":    {[]float64{failed, 2}, []float64{1, 4}, Ratio{0.5, 0.5, 0.5}, true},
		"a round in which a peer failed is too":     {[]float64{3, 2}, []float64{failed, 1}, Ratio{2, 2, 2}, true},
		"a peer with fewer rounds has fewer ratios": {[]float64{2, 2, 2}, []float64{1}, Ratio{2, 2, 2}, true},
		"a figure of zero gives no ratio":           {[]float64{2}, []float64{0}, Ratio{}, false},
		"no common round gives none":                {[]float64{failed, 1}, []float64{1, failed}, Ratio{}, false},
		"no rounds give none":                       {nil, nil, Ratio{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Ratios(c.ours, c.peer)
			if got != c.want || ok != c.ok {
				t.Errorf("got %v, %v, want %v, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestRotateBeginsEachRoundWithAnother(t *testing.T) {
	values := []string{"a", "b", "c"}
	for n, want := range [][]string{{"a", "b", "c"}, {"b", "c", "a"}, {"c", "a", "b"}, {"a", "b", "c"}} {
		if diff := cmp.Diff(want, Rotate(values, n)); diff != "" {
			t.Errorf("round %d: %s", n, diff)
		}
	}
	if got := Rotate([]string(nil), 3); got != nil {
		t.Errorf("got %v for no values, want none", got)
	}
}

func TestValidLeavesOutWhatFailed(t *testing.T) {
	values := []float64{math.NaN(), 1, math.NaN(), 2}
	if diff := cmp.Diff([]float64{1, 2}, Valid(values)); diff != "" {
		t.Error(diff)
	}
	if !math.IsNaN(values[0]) {
		t.Error("the values were changed")
	}
}

func TestRound(t *testing.T) {
	for name, c := range map[string]struct {
		value  float64
		digits int
		want   float64
	}{
		"a figure is rounded down":                    {1.2344, 3, 1.234},
		"a figure is rounded up":                      {1.2346, 3, 1.235},
		"no digits are left after the point":          {41.5, 0, 42},
		"a negative figure is rounded away from zero": {-1.26, 1, -1.3},
		"a figure that is too small becomes 0":        {0.0004, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Round(c.value, c.digits); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheErrorOfAMedianShrinksWithMoreValuesAndIgnoresOutliers(t *testing.T) {
	few := []float64{9, 10, 11, 10, 9, 11}
	many := slices.Concat(few, few, few, few)
	if a, b := MedianError(few), MedianError(many); !(b > 0 && b < a) {
		t.Errorf("got %.3f for 6 values and %.3f for 24 like them, want less for more", a, b)
	}
	if a, b := MedianError([]float64{9, 10, 11, 10, 9, 11, 10}), MedianError([]float64{9, 10, 11, 10, 9, 11, 1000}); b > 2*a {
		t.Errorf("got %.3f with an outlier and %.3f without, want it to count little", b, a)
	}
	if got := MedianError([]float64{1}); !math.IsNaN(got) {
		t.Errorf("got %.3f for one value, want NaN", got)
	}
}
