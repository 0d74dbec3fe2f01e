package hold

import (
	"sync/atomic"
	"time"
)

const (
	// MaxWaiting is the number of requests that may wait at a paused site, and MaxWaitingTogether the number at all of them:
	// each has a goroutine and the head of its request (S-12.8).
	MaxWaiting         = 1024
	MaxWaitingTogether = 2 * MaxWaiting
	// MaxWaitingPerClient is how many of them may be one client's, at all sites together (S-12.6).
	MaxWaitingPerClient = MaxWaiting / 4
	// MaxMaintenance is the longest time for which a maintenance with an end may last.
	MaxMaintenance = 30 * 24 * time.Hour
	// MaxPause is the longest time for which a site may be paused.
	MaxPause = 10 * time.Minute
)

// Site holds the orders for one site.
type Site struct {
	of   *Holds
	host string
	// orders is nil without orders, the usual case. It is read without a lock, and written under the lock of Holds.
	orders atomic.Pointer[orders]
	// waiting is the number of requests that wait; the lock of Holds guards it.
	waiting int
}

// orders are what holds back a site. They never change.
type orders struct {
	maintenance bool
	since       time.Time
	// expires ends the maintenance; zero for never.
	expires time.Time
	pause   *pause
}

// pause is one pause of a site.
type pause struct {
	since, expires time.Time
	timer          *time.Timer
	*ending
}

// ending is what requests wait for. A pause that replaces another one takes over its ending.
type ending struct {
	// over is closed at the end; resumed is set before, and reports whether the requests go on.
	over    chan struct{}
	resumed bool
}

// IsHeld reports whether there may be an order for the site. It costs one read of memory.
func (s *Site) IsHeld() bool { return s.orders.Load() != nil }

// Maintenance reports whether the site is in maintenance, and for how much longer; left is 0 if it has no end.
func (s *Site) Maintenance() (on bool, left time.Duration) {
	now := s.of.now()
	o := s.orders.Load()
	switch {
	case o == nil || !o.maintenance:
		return false, 0
	case !o.inMaintenance(now):
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		s.current(now)
		return false, 0
	}
	if o.expires.IsZero() {
		return true, 0
	}
	return true, o.expires.Sub(now)
}

func (o *orders) inMaintenance(now time.Time) bool {
	return o.maintenance && (o.expires.IsZero() || now.Before(o.expires))
}

// SetMaintenance begins the site's maintenance, for a time or, if that is 0, until EndMaintenance. It replaces one that has
// begun.
func (s *Site) SetMaintenance(lasting time.Duration) Info {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	now := s.of.now()
	next := orders{maintenance: true, since: now}
	if o := s.current(now); o != nil {
		next.pause = o.pause
		if o.maintenance {
			next.since = o.since
		}
	}
	if lasting > 0 {
		next.expires = now.Add(lasting)
	}
	s.order(&next)
	return s.info()
}

// EndMaintenance ends the site's maintenance, and reports whether there was one.
func (s *Site) EndMaintenance() (Info, bool) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	o := s.current(s.of.now())
	if o == nil || !o.maintenance {
		return s.info(), false
	}
	s.order(&orders{pause: o.pause})
	return s.info(), true
}

// Pause makes requests for the site wait, until Resume but at most for the given time. It replaces a pause that has begun; its
// requests go on waiting.
func (s *Site) Pause(most time.Duration) Info {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.of.closed {
		return s.info()
	}
	now := s.of.now()
	next := orders{pause: &pause{since: now, expires: now.Add(most), ending: &ending{over: make(chan struct{})}}}
	if o := s.current(now); o != nil {
		next.maintenance, next.since, next.expires = o.maintenance, o.since, o.expires
		if old := o.pause; old != nil {
			old.timer.Stop()
			next.pause.since, next.pause.ending = old.since, old.ending
		}
	}
	this := next.pause
	this.timer = time.AfterFunc(most, func() { s.expire(this) })
	s.order(&next)
	return s.info()
}

// Resume ends the site's pause: the requests that wait go on. It reports whether there was one.
func (s *Site) Resume() (Info, bool) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	before := s.info()
	if !before.Paused {
		return before, false
	}
	s.endPause(true)
	after := s.info()
	after.Waiting = before.Waiting
	return after, true
}

// expire ends a pause whose time is over, unless another one has replaced it.
func (s *Site) expire(p *pause) {
	s.of.mu.Lock()
	o, info := s.orders.Load(), s.info()
	over := o != nil && o.pause == p
	if over {
		s.endPause(true)
	}
	s.of.mu.Unlock()
	if over && s.of.Expired != nil {
		s.of.Expired(info)
	}
}

// endPause ends the pause, if there is one. The caller holds mu.
func (s *Site) endPause(resumed bool) {
	o := s.orders.Load()
	if o == nil || o.pause == nil {
		return
	}
	o.pause.timer.Stop()
	o.pause.resumed = resumed
	close(o.pause.over)
	s.order(&orders{maintenance: o.maintenance, since: o.since, expires: o.expires})
}

// order puts the orders in force, or none if they are empty. The caller holds mu.
func (s *Site) order(next *orders) {
	if !next.maintenance && next.pause == nil {
		next = nil
	}
	s.orders.Store(next)
}

// current returns the orders in force, without a maintenance that is over; nil if there are none. The caller holds mu.
func (s *Site) current(now time.Time) *orders {
	o := s.orders.Load()
	if o == nil || !o.maintenance || o.inMaintenance(now) {
		return o
	}
	s.order(&orders{pause: o.pause})
	return s.orders.Load()
}

// Info describes the orders in force.
func (s *Site) Info() Info {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return s.info()
}

// info is Info for a caller that holds mu.
func (s *Site) info() Info {
	info := Info{Host: s.host, Waiting: s.waiting}
	o := s.current(s.of.now())
	if o == nil {
		return info
	}
	if o.maintenance {
		info.Maintenance, info.MaintenanceSince, info.MaintenanceExpires = true, o.since, o.expires
	}
	if o.pause != nil {
		info.Paused, info.PausedSince, info.PauseExpires = true, o.pause.since, o.pause.expires
	}
	return info
}
