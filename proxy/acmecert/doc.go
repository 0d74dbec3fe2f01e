// Package acmecert obtains certificates by ACME ahead of handshakes, keeps them in a cache directory, renews them, and
// remembers refusals, so that a CA is never hammered (S-5.4 to S-5.6).
//
// It knows nothing of connections, requests or the daemon's start.
package acmecert
