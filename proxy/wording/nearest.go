package wording

import "strings"

// Nearest returns the candidate that name is most likely a misspelling of. Case makes no difference. It allows one edit per
// three characters of the candidate, so a candidate of one or two matches only itself.
func Nearest(name string, candidates []string) (string, bool) {
	best, bestDistance := "", -1
	for _, candidate := range candidates {
		allowed := len(candidate) / 3
		if len(name) > len(candidate)+allowed || len(candidate) > len(name)+allowed {
			continue
		}
		distance := editDistance(strings.ToLower(name), strings.ToLower(candidate))
		if distance <= allowed && (bestDistance < 0 || distance < bestDistance) {
			best, bestDistance = candidate, distance
		}
	}
	return best, bestDistance >= 0
}

// editDistance returns the number of bytes to insert, delete, replace, or swap with the next one, to turn a into b (the
// optimal string alignment distance).
func editDistance(a, b string) int {
	// The rows are those of the table of distances between prefixes of a and b: the one being filled, and the two
	// before it.
	var before []int
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := above[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
