package limit

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/cpu"
)

const (
	// limiterSample is the number of buckets among which a full shard chooses one to forget for a new one. Nine times
	// in ten, one of eight random buckets belongs to the longest-unused quarter. The cost does not depend on the size
	// of the shard.
	limiterSample = 8
	// limiterSweepBatch is how many buckets a sweep looks at before it releases the lock to let requests in.
	limiterSweepBatch = 256
	// limiterShrinkFrom is the size below which a map is not shrunk when it empties.
	limiterShrinkFrom = 1024
)

// bucketKey identifies a bucket of a client.
type bucketKey struct {
	client Key
	scope  Scope
}

// limiterShard is one part of the buckets of clients, with its lock.
type limiterShard struct {
	mu      sync.Mutex
	clients map[bucketKey]*clientBucket
	// limit is the largest number of buckets in the shard.
	limit int
	// peak is the largest number of buckets that the present map has held. It matters because a map never gives memory
	// back.
	peak int
	// The padding keeps two shards out of one cache line, where they would slow each other down like a shared lock.
	_ cpu.CacheLinePad
}

// init makes the shard empty and bounds it to limit buckets.
func (s *limiterShard) init(limit int) {
	s.clients = make(map[bucketKey]*clientBucket)
	s.limit = limit
}

// len returns the number of buckets in the shard.
func (s *limiterShard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.clients)
}

// find returns a bucket, and adds it if it is new. The caller holds the lock.
func (s *limiterShard) find(key bucketKey) *clientBucket {
	bucket := s.clients[key]
	if bucket == nil {
		bucket = &clientBucket{}
		s.add(key, bucket)
	}
	return bucket
}

// add adds a new bucket. If the shard is full, add first forgets the longest-unused of a few random buckets. The caller
// holds the lock.
func (s *limiterShard) add(key bucketKey, bucket *clientBucket) {
	if len(s.clients) >= s.limit {
		s.forgetOne()
	}
	s.clients[key] = bucket
	s.peak = max(s.peak, len(s.clients))
}

// forgetOne removes the longest-unused of limiterSample buckets. Map iteration begins at a random place.
func (s *limiterShard) forgetOne() {
	var oldest bucketKey
	var oldestUse time.Duration
	seen := 0
	for key, bucket := range s.clients {
		if seen == 0 || bucket.usedAt < oldestUse {
			oldest, oldestUse = key, bucket.usedAt
		}
		if seen++; seen == limiterSample {
			break
		}
	}
	delete(s.clients, oldest)
}

// evict forgets the buckets whose latest request was at or before the given time, and returns how many there were. It
// releases the lock between batches. A map may be changed while it is iterated over.
func (s *limiterShard) evict(before time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	evicted, looked := 0, 0
	for key, bucket := range s.clients {
		if bucket.usedAt <= before {
			delete(s.clients, key)
			evicted++
		}
		if looked++; looked%limiterSweepBatch == 0 {
			s.mu.Unlock()
			runtime.Gosched()
			s.mu.Lock()
		}
	}
	s.shrink()
	return evicted
}

// shrink moves the buckets to a new map when at most an eighth of the largest number is left, so that the memory of a
// flood is freed. It therefore moves at most an eighth of a shard. The caller holds the lock.
func (s *limiterShard) shrink() {
	if s.peak < limiterShrinkFrom || len(s.clients) > s.peak/8 {
		return
	}
	fresh := make(map[bucketKey]*clientBucket, len(s.clients))
	for key, bucket := range s.clients {
		fresh[key] = bucket
	}
	s.clients, s.peak = fresh, len(fresh)
}

// LockAll takes the lock of every shard. It is for tests in which the limiter is stuck.
func (l *Limiter) LockAll() {
	for i := range l.shards {
		l.shards[i].mu.Lock()
	}
}

// UnlockAll releases what LockAll took.
func (l *Limiter) UnlockAll() {
	for i := range l.shards {
		l.shards[i].mu.Unlock()
	}
}
