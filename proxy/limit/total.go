package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Total is the token bucket that all clients of a site or route share. No client can empty it for the others: the last
// half of the tokens is only for clients within their shares, a quarter of the rate each (S-12.6). While no other
// client sends requests, one client may use the whole rate.
type Total struct {
	scope Scope

	mu     sync.Mutex
	bucket clientBucket
}

// totalShares is how many clients must use up their shares before the bucket is empty for another one.
const totalShares = 4

// TotalRate returns the rate of a total limit. Its bucket holds the requests of one second, and at least two: one for
// the first client, and one for the next.
func TotalRate(perSecond float64) Rate {
	return Rate{perSecond, int(max(2, math.Ceil(perSecond)))}
}

// share returns the rate of one client's share of a total limit.
func (r Rate) share() Rate {
	return Rate{r.RequestsPerSecond / totalShares, max(1, r.Burst/totalShares)}
}

// take takes a token for a client, and one from the client's share, which own holds. If take returns false, retryAfter
// is the time until there is a token for that client.
func (t *Total) take(now time.Time, usedAt time.Duration, r Rate, own *clientBucket) (ok bool, retryAfter time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	share := r.share()
	ownNow := own.use(now, usedAt)
	own.adopt(ownNow, rate.Limit(share.RequestsPerSecond), share.Burst)
	kept := 0
	if own.tokens.TokensAt(ownNow) < 1 {
		kept = r.Burst / 2
	}
	if ok, retryAfter = t.bucket.take(t.bucket.use(now, usedAt), r, kept); ok {
		own.tokens.AllowN(ownNow, 1) // if there is one
	}
	return ok, retryAfter
}

// Total returns the total limit of a scope. It is the same one until KeepTotals forgets it.
func (l *Limiter) Total(scope Scope) *Total {
	l.totalsMu.Lock()
	defer l.totalsMu.Unlock()
	total := l.totals[scope]
	if total == nil {
		total = &Total{scope: scope}
		l.totals[scope] = total
	}
	return total
}

// KeepTotals forgets all total limits except the wanted ones.
func (l *Limiter) KeepTotals(wanted map[*Total]bool) {
	l.totalsMu.Lock()
	defer l.totalsMu.Unlock()
	for scope, total := range l.totals {
		if !wanted[total] {
			delete(l.totals, scope)
		}
	}
}
