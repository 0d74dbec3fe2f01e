// Package waittest is for tests that wait for what another goroutine does.
package waittest

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait of a test for an event. It only decides how long a failing test takes.
const Patience = 2 * time.Minute

// For polls until the condition holds. What says what the test waits for.
func For(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Buffer collects what is written while a test reads it. The zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *Buffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String returns everything written so far.
func (s *Buffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Lock blocks writers until Unlock. It is for tests of what happens meanwhile.
func (s *Buffer) Lock() { s.mu.Lock() }

// Unlock ends what Lock began.
func (s *Buffer) Unlock() { s.mu.Unlock() }
