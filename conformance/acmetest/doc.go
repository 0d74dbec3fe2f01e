// Package acmetest starts ACME servers for tests and demonstrations: a real one, Pebble, as separate processes, and one
// that only refuses. It knows nothing of package proxy.
package acmetest
