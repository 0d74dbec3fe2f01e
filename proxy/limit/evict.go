package limit

import (
	"context"
	"time"
)

// limiterEvictStep bounds the time between two looks at the configuration. An interval that a reload has shortened thus
// takes effect soon, and not only after the old one has passed.
const limiterEvictStep = 5 * time.Second

// evict forgets every bucket whose latest request was at least age ago (S-7.3) and returns how many there were. It
// goes shard by shard and never holds a lock for long.
func (l *Limiter) evict(age time.Duration) int {
	before := l.now().Sub(l.start) - age
	evicted := 0
	for i := range l.shards {
		evicted += l.shards[i].evict(before)
	}
	return evicted
}

// Run sweeps once in every eviction interval until ctx ends. It asks for the configuration each time, so both the
// interval and the age follow reloads.
func (l *Limiter) Run(ctx context.Context, config func() Config) {
	last := l.now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		cfg, now := config(), l.now()
		if now.Sub(last) >= cfg.EvictionInterval {
			l.evict(cfg.EvictionAge)
			last = now
		}
		// Wait at least a millisecond, or a very short interval would make the loop spin.
		wait := cfg.EvictionInterval - now.Sub(last)
		timer.Reset(max(min(wait, limiterEvictStep), time.Millisecond))
	}
}
