//go:build !race

package proxy

// raceDetector reports whether the tests run under the race detector.
const raceDetector = false
