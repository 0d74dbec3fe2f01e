// Package acmedns proves to a CA, by DNS records, that a name is ours (DNS-01, RFC 8555, section 8.4), which is the only way
// to a wildcard certificate (S-20.4). A record gets into the DNS in one of three ways: a Responder, to which the operator
// delegates `_acme-challenge` names, answers for it itself; an Updater sends it to a name server (RFC 2136); a Webhook asks
// a program of the operator's to do so. A Solver does that for one challenge, and waits until the authoritative name servers
// have the record.
//
// The package knows nothing of certificates, of the configuration file or of the daemon.
package acmedns
