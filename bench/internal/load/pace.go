//go:build linux

package load

import "time"

// pace sends requests at a fixed rate, each on the connection that has been idle longest. If no connection is idle, a
// request waits, and its latency counts from when it was due: a stall of the proxy is not hidden by requests that were
// never sent.
type pace struct {
	interval time.Duration
	next     time.Time
	// idle is a ring in the order in which the connections became free.
	idle      []*h1
	latencies []time.Duration
}

func newPace(rate int) *pace { return &pace{interval: time.Second / time.Duration(rate)} }

// begin sets the time at which the first request is due.
func (p *pace) begin(now time.Time) { p.next = now.Add(p.interval) }

// free returns a connection to the idle ones.
func (p *pace) free(c *h1) { p.idle = append(p.idle, c) }

// done counts the answer that c got.
func (p *pace) done(c *h1, now time.Time) {
	p.latencies = append(p.latencies, now.Sub(c.due))
	p.free(c)
}

// send sends the requests that are due, and returns the time until the next one.
func (p *pace) send(now time.Time) (time.Duration, error) {
	for len(p.idle) > 0 && !now.Before(p.next) {
		c := p.idle[0]
		p.idle = p.idle[1:]
		c.due = p.next
		p.next = p.next.Add(p.interval)
		if err := c.send(); err != nil {
			return 0, err
		}
	}
	if len(p.idle) == 0 {
		return time.Second, nil // an answer must come first
	}
	return p.next.Sub(now), nil
}
