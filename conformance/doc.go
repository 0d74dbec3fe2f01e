// Package conformance runs the daemon and the servers around it as processes, for the suite and for tests. It knows
// nothing of package proxy: what it tests, it tests from outside.
package conformance
