// Package balance chooses among the upstreams of a site, and records what is known about each of them: whether it is in
// service, how many requests it is working on, and its last failure.
//
// A Registry holds the states of all upstreams over reloads. A List holds the upstreams of one route: states with their
// weights. The package knows nothing of requests, connections or checks. Its callers report how each attempt has ended.
// It reads the time from a clock that tests replace.
package balance
