// Package acmecert obtains certificates by ACME ahead of handshakes, keeps them in a cache directory, renews them when
// the CA suggests it or a third of their lifetime is left, and remembers refusals, so that a CA is never hammered (S-5.4
// to S-5.12, S-20.1 to S-20.3).
//
// A Manager holds the certificates of one cache directory; a Source is what one listener serves of them. Orders go
// through the acme package of acmez. The schedule, the back-off, the answers to challenges and what is written are ours.
//
// The package knows nothing of connections, requests or the daemon's start.
package acmecert
