// Package acmecert obtains certificates by ACME before handshakes need them, keeps them in a cache directory, and
// renews them when the CA suggests it or a third of their lifetime is left. It remembers refusals, so that no CA is
// asked too often (S-5.4 to S-5.12, S-20.1 to S-20.3).
//
// A Manager holds the certificates of one cache directory. A Source serves some of them on one listener. The acme
// package of acmez carries out orders; this package has the schedule, the back-off, the answers to challenges and the
// files.
//
// The package knows nothing of connections, requests or the daemon's start.
package acmecert
