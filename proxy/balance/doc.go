// Package balance chooses among the upstreams of a site, and keeps what is known about each of them: whether it serves, how
// many requests it works on, and what went wrong last.
//
// A Registry holds the states of all upstreams over reloads. A List is what one route chooses from: states with their weights.
// The package knows nothing of requests, connections or checks. It is told how each attempt has ended, and reads the time from
// a clock that tests replace.
package balance
