// Package certstore keeps small secret values on a Redis or Valkey server, which several machines share (S-20.5).
//
// Each value has a version and is encrypted before it leaves the process, so that the server and the network see
// neither keys nor certificates, and nobody without the key can forge a value or pass off one for another. A lease is a lock
// that expires. The server accepts a write only from the holder of the lease. It also measures the time, so that the clocks of
// the machines do not matter. All machines are told of each change.
//
// A Store implements autocert.Cache. The package knows nothing of ACME or of the daemon.
package certstore
