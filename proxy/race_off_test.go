//go:build !race

package proxy

// raceDetector tells tests that they run under the race detector.
const raceDetector = false
