// Package cert holds the certificates that a listener serves: tables that find a certificate by server name, pairs
// from files, self-signed certificates in memory, and the Warner, which warns before certificates expire (S-5.2,
// S-5.3).
//
// It knows nothing of connections or of how certificates are ordered.
package cert
