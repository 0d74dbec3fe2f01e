package admin

import (
	"strconv"
	"strings"
)

// LimitStatus is what the limits of one site or route have done since the start, or since it was added.
type LimitStatus struct {
	// Host, Listener and Route name the site and the path of the route that set the limits; all are "" for the file, and Route
	// is "" for a site.
	Host     string `json:"host"`
	Listener string `json:"listener"`
	Route    string `json:"route"`
	// Refused counts the refused requests by the kind of limit.
	Refused LimitCounts `json:"refused"`
	// Concurrent is the state of the bound on requests at once; nil without one.
	Concurrent *ConcurrentStatus `json:"concurrent,omitempty"`
}

// LimitCounts are numbers of requests by the kind of limit that has refused them.
type LimitCounts struct {
	Client     uint64 `json:"client"`
	Total      uint64 `json:"total"`
	Concurrent uint64 `json:"concurrent"`
}

// ConcurrentStatus is the state of a bound on requests at once.
type ConcurrentStatus struct {
	// Running requests are those that the upstream works on, and Waiting those that wait for a place.
	Running int `json:"running"`
	Waiting int `json:"waiting"`
	// Max is the bound.
	Max int `json:"max"`
}

// writeLimits writes the table of the sites and routes that set limits, if there are any.
func (s Status) writeLimits(b *strings.Builder, columns int) {
	t := table{columns: columns, expendable: []string{"LISTENER", ">WAITING"},
		header: []string{"LIMITS OF", "LISTENER", "ROUTE", ">CLIENT", ">TOTAL", ">CONCURRENT", ">RUNNING", ">WAITING"}}
	for _, l := range s.Limits {
		if l.Host == "" {
			continue
		}
		running, waiting := "-", "-"
		if c := l.Concurrent; c != nil {
			running, waiting = strconv.Itoa(c.Running)+" of "+strconv.Itoa(c.Max), strconv.Itoa(c.Waiting)
		}
		t.row(textOrDash(l.Host), textOrDash(l.Listener), textOrDash(l.Route), strconv.FormatUint(l.Refused.Client, 10),
			strconv.FormatUint(l.Refused.Total, 10), strconv.FormatUint(l.Refused.Concurrent, 10), running, waiting)
	}
	t.write(b)
}
