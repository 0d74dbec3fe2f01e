// Package certstore keeps small secret values on a Redis or Valkey server, which several machines share (S-20.5).
//
// Each value has a version and is encrypted before it leaves the process, so that the server and the network see
// neither keys nor certificates, and nobody without the key can make, change or move a value. A lease is a lock that
// expires: its holder writes only while it has it, which the server checks together with the write. Times are the
// server's, so that the clocks of the machines do not matter. Changes are pushed to all machines.
//
// A Store implements autocert.Cache. The package knows nothing of ACME or of the daemon.
package certstore
