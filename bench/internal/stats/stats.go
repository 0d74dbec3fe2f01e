// Package stats computes the statistics of the benchmark's rounds.
package stats

import (
	"math"
	"slices"
)

// Median returns the middle value, the mean of the two middle ones if their number is even, and NaN if there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Ratio is the result of comparing two peers over several rounds.
type Ratio struct{ Median, Min, Max float64 }

// Ratios compares two peers round by round, because measurements next to each other saw the machine in the same state.
// NaN marks a failed round, which has no ratio; ok is false if no round is left.
func Ratios(ours, peer []float64) (Ratio, bool) {
	ratios := EachRatio(ours, peer)
	if len(ratios) == 0 {
		return Ratio{}, false
	}
	return Ratio{Median(ratios), slices.Min(ratios), slices.Max(ratios)}, true
}

// EachRatio returns the ratio of each round in which neither peer failed.
func EachRatio(ours, peer []float64) []float64 {
	var ratios []float64
	for i := range min(len(ours), len(peer)) {
		if ratio := ours[i] / peer[i]; !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			ratios = append(ratios, ratio)
		}
	}
	return ratios
}

// MedianError estimates the standard error of the median of the values from their median absolute deviation, which is
// not affected by a few rounds that a busy machine spoiled. It is NaN for fewer than two values.
func MedianError(values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	// For normally distributed values, the standard deviation is 1.4826 times the median absolute deviation, and the
	// standard error of the median is sqrt(π/2) times that of the mean.
	middle := Median(values)
	deviations := make([]float64, len(values))
	for i, value := range values {
		deviations[i] = math.Abs(value - middle)
	}
	return math.Sqrt(math.Pi/2) * 1.4826 * Median(deviations) / math.Sqrt(float64(len(values)))
}

// Valid returns the values that are numbers.
func Valid(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), math.IsNaN)
}

// Rotate returns the values with the first n at the end: the order of round n.
func Rotate[T any](values []T, n int) []T {
	if len(values) == 0 {
		return nil
	}
	n %= len(values)
	return slices.Concat(values[n:], values[:n])
}

// Round rounds to that many decimal places.
func Round(value float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(value*scale) / scale
}
