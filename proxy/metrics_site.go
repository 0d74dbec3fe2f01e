package proxy

import (
	"net/http"
	"sync/atomic"

	"golang.org/x/sys/cpu"
)

// methodClass is the class under which a request's method is counted: a common method, or other.
type methodClass int

// methodOther is every uncommon method. Its name is not the name of another class, because those are all in capitals.
const methodOther methodClass = 7

// methodClasses are the names of the classes.
var methodClasses = [...]string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	methodOther: "other",
}

// classOfMethod returns the class of a method; methods are case-sensitive (RFC 9110, section 9.1).
func classOfMethod(method string) methodClass {
	switch method {
	case http.MethodGet:
		return 0
	case http.MethodHead:
		return 1
	case http.MethodPost:
		return 2
	case http.MethodPut:
		return 3
	case http.MethodPatch:
		return 4
	case http.MethodDelete:
		return 5
	case http.MethodOptions:
		return 6
	}
	return methodOther
}

// statusClasses are the names of the classes of status codes: the first digit (RFC 9110, section 15).
var statusClasses = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// classOfStatus returns the index of a status's class. An exchange that ended without a status has an invalid one. That
// is the proxy's own fault, so it counts as 5xx.
func classOfStatus(status int) int {
	if status < 100 || status > 599 {
		return len(statusClasses) - 1
	}
	return status/100 - 1
}

// siteSeries holds the numbers of one site, or of one of its routes.
type siteSeries struct {
	// host, listener and route are the values of the labels; route is "" for a site.
	host, listener, route string
	// routes are the series of the site's routes, by path. Routes with the same path share one.
	routes map[string]*siteSeries
	// lanes are created on first use: a site without requests costs next to nothing.
	lanes []atomic.Pointer[siteLane]
}

// siteLane is one lane of a site's numbers.
type siteLane struct {
	requests       [len(methodClasses)][len(statusClasses)]atomic.Uint64
	duration       histogramLane
	connect        histogramLane
	response       histogramLane
	upstreamErrors atomic.Uint64
	bytesIn        atomic.Uint64
	bytesOut       atomic.Uint64
	refused        [len(accessRules)]atomic.Uint64 // by the rule of access
	_              cpu.CacheLinePad                // a neighbour on the same line would slow the cores down as a single shared number does
}

// lane returns the lane of a number.
func (s *siteSeries) lane(index uint32) *siteLane {
	at := &s.lanes[index]
	if l := at.Load(); l != nil {
		return l
	}
	at.CompareAndSwap(nil, new(siteLane)) // if another request was first, its lane is used
	return at.Load()
}

// used reports whether a request of the site was ever counted.
func (s *siteSeries) used() bool {
	for i := range s.lanes {
		if s.lanes[i].Load() != nil {
			return true
		}
	}
	return false
}

// siteTotals holds the numbers of a site, summed up over its lanes.
type siteTotals struct {
	requests                          [len(methodClasses)][len(statusClasses)]uint64
	duration, connect, response       histogramTotals
	upstreamErrors, bytesIn, bytesOut uint64
	refused                           [len(accessRules)]uint64
}

// sum reads the numbers of all lanes. Requests that end meanwhile may be in some of the numbers and not yet in others.
func (s *siteSeries) sum() siteTotals {
	var total siteTotals
	for i := range s.lanes {
		l := s.lanes[i].Load()
		if l == nil {
			continue
		}
		for method := range l.requests {
			for class := range l.requests[method] {
				total.requests[method][class] += l.requests[method][class].Load()
			}
		}
		total.duration.add(&l.duration)
		total.connect.add(&l.connect)
		total.response.add(&l.response)
		total.upstreamErrors += l.upstreamErrors.Load()
		total.bytesIn += l.bytesIn.Load()
		total.bytesOut += l.bytesOut.Load()
		for rule := range l.refused {
			total.refused[rule] += l.refused[rule].Load()
		}
	}
	return total
}
