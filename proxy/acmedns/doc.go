// Package acmedns answers DNS-01 challenges (RFC 8555, section 8.4), without which no CA issues wildcard certificates (S-20.4).
// A record gets into the DNS in one of three ways: a Responder serves it itself, for `_acme-challenge` names that the operator
// has delegated to it; an Updater sends it to a name server (RFC 2136); a Webhook asks a program of the operator to add it. A
// Solver adds the record of a challenge, and waits until the authoritative name servers have it.
//
// The package knows nothing of certificates, of the configuration file or of the daemon.
package acmedns
