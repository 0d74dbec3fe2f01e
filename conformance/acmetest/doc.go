// Package acmetest starts ACME servers for tests and demonstrations: a real one, Pebble, as processes of its own, and
// one that only refuses. It knows nothing of package proxy.
package acmetest
