package access

import (
	"slices"
	"sync"
	"time"
)

// RememberedFor is how long a verified password is not verified again.
const RememberedFor = time.Minute

// maxRemembered bounds the passwords that are remembered.
const maxRemembered = 4096

// remembered holds the keyed hashes of the passwords that were verified lately, oldest first.
type remembered struct {
	mu    sync.Mutex
	until map[mark]time.Time
	// order lists the marks in the order in which they were added, which is also the order in which they expire.
	order []mark
}

// mark is the keyed hash of a user, a password and a password file.
type mark [32]byte

// has reports whether a mark is remembered.
func (r *remembered) has(m mark, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.until[m]
	return known && now.Before(until)
}

// add remembers a mark. It forgets expired marks, and the oldest one if there are too many.
func (r *remembered) add(m mark, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = map[mark]time.Time{}
	}
	if _, known := r.until[m]; known { // it has expired, and is added again at the end
		r.forget(m)
	}
	for len(r.order) > 0 && (len(r.order) >= maxRemembered || !now.Before(r.until[r.order[0]])) {
		delete(r.until, r.order[0])
		r.order = r.order[1:]
	}
	r.until[m] = now.Add(RememberedFor)
	r.order = append(r.order, m)
}

// forget removes a mark. The caller holds mu.
func (r *remembered) forget(m mark) {
	delete(r.until, m)
	i := slices.Index(r.order, m)
	r.order = slices.Delete(r.order, i, i+1)
}
