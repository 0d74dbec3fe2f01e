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
	// order lists the marks as they were added. All are remembered for the same time, so that the first one ends first.
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

// add remembers a mark. It forgets those whose time is over, and the oldest one if there are too many.
func (r *remembered) add(m mark, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = map[mark]time.Time{}
	}
	if _, known := r.until[m]; known { // its time is over, and it begins anew at the end of the list
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
