package steps

import (
	"bytes"
	"strings"
	"sync"
)

// output collects what a process prints, and can be read meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends what the process printed.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// text returns everything so far.
func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines returns the complete lines so far, without their ends.
func (o *output) lines() []string { return completeLines(o.text()) }

// completeLines splits a text into lines, without an incomplete last one.
func completeLines(text string) []string {
	lines := strings.Split(text, "\n")
	return lines[:len(lines)-1]
}
