// Package certstore keeps small secret values on a Redis or Valkey server, which several machines share (S-20.5).
//
// Each value has a version and is encrypted before it leaves the process. The server and the network therefore see
// neither keys nor certificates, and nobody without the key can forge a value or pass one off as another. A lease is
// a lock that expires. The server accepts a write only from the holder of the lease. It also measures the time, so
// that the machines' clocks do not matter. All machines are told of each change.
//
// A Store implements autocert.Cache. The package knows nothing of ACME or of the daemon.
package certstore
