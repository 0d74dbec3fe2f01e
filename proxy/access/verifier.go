package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"reverse-proxy/proxy/limit"
)

// Verdict is the result of a check of a password.
type Verdict uint8

// The verdicts. Busy means that the password was not checked, because too many others were waiting.
const (
	Wrong Verdict = iota
	Right
	Busy
)

// maxWait is how long a check waits for its turn.
const maxWait = 3 * time.Second

// The bounds of how many callers wait for the checks of others with the same password. Each is a request with its head in
// memory, and a client can send thousands with one password (S-12.8).
const (
	// maxSharing is the largest number of such callers, and maxSharingPerClient that of one client.
	maxSharing          = 1024
	maxSharingPerClient = maxSharing / 4
)

// Verifier verifies passwords, a few at a time. There is one for the life of the process.
type Verifier struct {
	// secret is the key of the marks. Every process makes its own.
	secret []byte
	macs   sync.Pool
	known  remembered
	queue  *queue
	// Counts are the numbers of checks since the start.
	Counts Counts

	// mu guards the following fields.
	mu sync.Mutex
	// running are the checks that are being made or wait for their turn.
	running map[mark]*check
	// sharing is the number of callers that wait for the check of another one, and sharingBy that of each client's.
	sharing   int
	sharingBy map[limit.Key]int
}

// Counts are numbers of checks by result.
type Counts struct{ Right, Wrong, Remembered, Busy atomic.Uint64 }

// check is a check that several callers with the same password share: a browser sends many requests at once.
type check struct {
	// done is closed when the check ends; verdict and made are set before. made is false if the caller that ran the check gave
	// up.
	done    chan struct{}
	verdict Verdict
	made    bool
}

// NewVerifier returns a verifier that remembers nothing yet.
func NewVerifier() *Verifier {
	v := &Verifier{secret: make([]byte, 32), queue: newQueue(), running: map[mark]*check{}, sharingBy: map[limit.Key]int{}}
	_, _ = rand.Read(v.secret) // it never fails
	v.macs.New = func() any { return hmac.New(sha256.New, v.secret) }
	return v
}

// mark returns the keyed hash of the credentials for the users of a file. A changed file has other marks.
func (v *Verifier) mark(users *Users, c Credentials) (m mark) {
	mac := v.macs.Get().(hash.Hash)
	defer v.macs.Put(mac)
	mac.Reset()
	var room [512]byte
	text := append(room[:0], users.id[:]...)
	text = binary.BigEndian.AppendUint32(text, uint32(len(c.User)))
	text = append(append(text, c.User...), c.Password...)
	mac.Write(text)
	clear(text)
	mac.Sum(m[:0])
	return m
}

// Remembers reports whether the credentials were verified within the last minute. It does not wait.
func (v *Verifier) Remembers(users *Users, c Credentials, now time.Time) bool {
	if !v.known.has(v.mark(users, c), now) {
		return false
	}
	v.Counts.Remembered.Add(1)
	return true
}

// Check verifies a password for a client. It waits for its turn; if the context ends or the wait is too long, it returns Busy.
func (v *Verifier) Check(ctx context.Context, users *Users, c Credentials, client limit.Key) Verdict {
	m := v.mark(users, c)
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for ctx.Err() == nil {
		shared, isOurs := v.join(m, client)
		switch {
		case shared == nil:
			v.count(Busy)
			return Busy
		case isOurs:
			v.make(ctx, shared, m, users, c, client)
		case !v.await(ctx, shared, client):
			continue
		}
		if shared.made {
			v.count(shared.verdict)
			return shared.verdict
		}
	}
	v.count(Busy)
	return Busy
}

// join returns the check of a mark, and reports whether the caller has to run it; otherwise the caller must call await. It
// returns nil if too many callers wait for the checks of others.
func (v *Verifier) join(m mark, client limit.Key) (of *check, isOurs bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	running := v.running[m]
	switch {
	case running == nil:
		begun := &check{done: make(chan struct{})}
		v.running[m] = begun
		return begun, true
	case v.sharing >= maxSharing || v.sharingBy[client] >= maxSharingPerClient:
		return nil, false
	}
	v.sharing++
	v.sharingBy[client]++
	return running, false
}

// await waits for the end of a check that another caller runs. It returns false if the context has ended first.
func (v *Verifier) await(ctx context.Context, of *check, client limit.Key) bool {
	defer v.part(client)
	select {
	case <-of.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// part ends what join has counted.
func (v *Verifier) part(client limit.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sharing--
	if v.sharingBy[client]--; v.sharingBy[client] == 0 {
		delete(v.sharingBy, client)
	}
}

// make runs a check, and ends it for all callers that share it.
func (v *Verifier) make(ctx context.Context, of *check, m mark, users *Users, c Credentials, client limit.Key) {
	defer func() {
		v.mu.Lock()
		delete(v.running, m)
		v.mu.Unlock()
		close(of.done)
	}()
	if v.known.has(m, time.Now()) { // another check has just ended
		of.verdict, of.made = Right, true
		return
	}
	turn, full := v.queue.enter(client)
	if full {
		of.verdict, of.made = Busy, true
		return
	}
	if turn != nil {
		select {
		case <-turn:
		case <-ctx.Done():
			if v.queue.giveUp(client, turn) {
				return
			}
		}
	}
	defer v.queue.leave()
	if users.match(v.secret, c.User, c.Password) {
		of.verdict = Right
		v.known.add(m, time.Now())
	}
	of.made = true
}

// count counts a check.
func (v *Verifier) count(verdict Verdict) {
	switch verdict {
	case Right:
		v.Counts.Right.Add(1)
	case Wrong:
		v.Counts.Wrong.Add(1)
	case Busy:
		v.Counts.Busy.Add(1)
	}
}
